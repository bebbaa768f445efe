#include "postprocess.h"

#include <doctest/doctest.h>

#include <cmath>

#include "json.h"

namespace edge_infer {
namespace {

std::string Quoted(std::string_view text) {
  std::string json;
  AppendString(text, &json);
  return json;
}

TEST_CASE("strings are valid JSON and UTF-8 whatever the bytes") {
  CHECK(Quoted("a\"b\\c\n\x7f") == R"("a\"b\\c\u000a\u007f")");
  CHECK(Quoted("\xc3\xa9 \xf0\x9f\x98\x80") == "\"\xc3\xa9 \xf0\x9f\x98\x80\"");
  const char* replacement = "\"\xef\xbf\xbd\"";
  CHECK(Quoted("\xff") == replacement);
  CHECK(Quoted("\xc3") == replacement);
  CHECK(Quoted("\xc0\xaf") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");                  // too long
  CHECK(Quoted("\xed\xa0\x80") == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");  // surrogate
  CHECK(Quoted("\xf4\x90\x80\x80").find('\xf4') == std::string::npos);
}

TEST_CASE("numbers") {
  std::string json;
  AppendNumber(0.1f, &json);
  json += ' ';
  AppendNumber(0.1, &json);
  json += ' ';
  AppendNumber(NAN, &json);
  json += ' ';
  AppendNumber(-INFINITY, &json);
  json += ' ';
  AppendMilliseconds(0.21049, &json);
  CHECK(json == "0.1 0.1 null null 0.21");
}

TEST_CASE("top k: stable on ties, NaN last") {
  std::vector<size_t> indices;
  TopK({1, 3, 3, NAN, 2, 3}, 4, &indices);
  CHECK(indices == std::vector<size_t>{1, 2, 5, 4});
  TopK({NAN, NAN, -INFINITY}, 9, &indices);
  CHECK(indices == std::vector<size_t>{2, 0, 1});
}

TEST_CASE("softmax") {
  std::vector<double> values{1000, 1000};
  Softmax(&values);
  CHECK(values[0] == 0.5);
  values.clear();
  Softmax(&values);
}

TEST_CASE("the line of an output") {
  OutputConfig output;
  output.tensor.name = "scores";
  output.tensor.type = ElementType::kInt8;
  output.tensor.shape = {1, 3};
  output.tensor.quantization = Quantization{0.00390625f, -128};
  const uint8_t bytes[] = {0x80, 0x7f, 0x00};  // -128, 127, 0
  std::string json;
  Postprocessor(output).AppendJson({bytes, 3}, &json);
  CHECK(json == R"({"name":"scores","values":[0,0.99609375,0.5]})");
  output.top_k = 2;
  output.labels = {"a", "b", "c"};
  json.clear();
  Postprocessor(output).AppendJson({bytes, 3}, &json);
  CHECK(json == R"({"name":"scores","top":[{"index":1,"label":"b","score":0.99609375},)"
                R"({"index":2,"label":"c","score":0.5}]})");
}

TEST_CASE("large integers keep their digits") {
  OutputConfig output;
  output.tensor.name = "ids";
  output.tensor.type = ElementType::kInt64;
  output.tensor.shape = {1};
  const int64_t value = 9007199254740993;
  std::string json;
  Postprocessor(output).AppendJson({reinterpret_cast<const uint8_t*>(&value), 8}, &json);
  CHECK(json == R"({"name":"ids","values":[9007199254740993]})");
}

}  // namespace
}  // namespace edge_infer
