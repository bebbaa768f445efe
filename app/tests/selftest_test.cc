#include "selftest.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "error.h"

namespace edge_infer {
namespace {

/// A folder of expected outputs that is gone afterwards.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "selftest-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void Write(const char* name, const void* data, size_t size) const {
    std::ofstream(path / name, std::ios::binary).write(static_cast<const char*>(data), size);
  }
  void Tolerance(const std::string& text) const {
    Write("tolerance.json", text.data(), text.size());
  }

  std::filesystem::path path;
};

TensorSpec Spec(ElementType type, int64_t count) {
  return {"o", type, {1, count}, Quantization{0.5F, 3}};
}

template <typename T, size_t N>
Bytes Of(const std::array<T, N>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), sizeof values};
}

TEST_CASE("integers are compared in their steps") {
  const Folder folder;
  folder.Tolerance(R"({"outputs":[{"lsb":2,"absolute":0,"relative":0}]})");
  const std::array<int8_t, 3> expected{-128, 5, 127};
  folder.Write("a.pgm.0.bin", expected.data(), sizeof expected);
  const Selftest selftest(folder.path, {Spec(ElementType::kInt8, 3)});
  CHECK(selftest.Compare("a.pgm", 0, Of(expected)).empty());
  CHECK(selftest.Compare("a.pgm", 0, Of(std::array<int8_t, 3>{-126, 3, 127})).empty());
  CHECK(selftest.Compare("a.pgm", 0, Of(std::array<int8_t, 3>{-125, 5, 127})) ==
        "a.pgm.0.bin: value 0 is -125, expected -128");
}

TEST_CASE("floats are compared by the largest, and what is no number only equals itself") {
  const Folder folder;
  folder.Tolerance(R"({"outputs":[{"lsb":0,"absolute":0.5,"relative":0.01}]})");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::array<float, 3> expected{100, 0, nan};
  folder.Write("a.0.bin", expected.data(), sizeof expected);
  const Selftest selftest(folder.path, {Spec(ElementType::kFloat32, 3)});
  CHECK(selftest.Compare("a", 0, Of(std::array<float, 3>{101.5F, -1.5F, nan})).empty());
  CHECK(selftest.Compare("a", 0, Of(std::array<float, 3>{100, 1.75F, nan})) ==
        "a.0.bin: value 1 is 1.75, expected 0");
  CHECK(selftest.Compare("a", 0, Of(std::array<float, 3>{100, nan, nan})) ==
        "a.0.bin: value 1 is null, expected 0");
  CHECK(selftest.Compare("a", 0, Of(std::array<float, 3>{100, 0, 0})) ==
        "a.0.bin: value 2 is 0, expected null");
}

TEST_CASE("what is missing or of another length is said") {
  const Folder folder;
  folder.Tolerance(R"({"outputs":[{"lsb":0,"absolute":0,"relative":0}]})");
  folder.Write("a.0.bin", "xy", 2);
  const Selftest selftest(folder.path, {Spec(ElementType::kInt8, 3)});
  const std::array<int8_t, 3> output{};
  CHECK(selftest.Compare("a", 0, Of(output)) == "a.0.bin: has 2 bytes, the output 3");
  CHECK(selftest.Compare("b", 0, Of(output)) == "b.0.bin: No such file or directory");
}

TEST_CASE("a wrong tolerance.json is refused") {
  const Folder folder;
  const std::vector<TensorSpec> outputs{Spec(ElementType::kInt8, 3)};
  CHECK_THROWS_AS(Selftest(folder.path, outputs), ConfigError);
  for (const char* text : {"", "[]", "{}", R"({"outputs":[]})", R"({"outputs":[{"lsb":1}]})",
                           R"({"outputs":[{"lsb":-1,"absolute":0,"relative":0}]})",
                           R"({"outputs":[{"lsb":1,"absolute":0,"relative":0,"more":1}]})"}) {
    folder.Tolerance(text);
    CHECK_THROWS_AS(Selftest(folder.path, outputs), ConfigError);
  }
}

}  // namespace
}  // namespace edge_infer
