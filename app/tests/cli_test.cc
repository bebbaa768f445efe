#include "cli.h"

#include <doctest/doctest.h>

#include "error.h"

namespace edge_infer {
namespace {

Arguments Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "edge-infer");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return ParseArguments(static_cast<int>(words.size()), argv.data());
}

TEST_CASE("arguments") {
  const Arguments a = Parse({"--config", "c", "--input", "a", "--input=-", "--threads", "2",
                             "--kernels", "reference", "--iterations=5", "--benchmark"});
  CHECK(a.config == "c");
  CHECK(a.inputs == std::vector<std::string>{"a", "-"});
  CHECK(a.threads == 2);
  CHECK(a.kernels == Kernels::kReference);
  CHECK(a.iterations == 5);
  CHECK(a.benchmark);
  CHECK(Parse({"--version"}).version);
}

TEST_CASE("wrong arguments") {
  CHECK_THROWS_WITH_AS(Parse({}), "--config is missing; try --help", ConfigError);
  CHECK_THROWS_WITH_AS(Parse({"--config"}), "--config: needs a value", ConfigError);
  CHECK_THROWS_WITH_AS(Parse({"--bogus"}), "--bogus: not an option; try --help", ConfigError);
  CHECK_THROWS_AS(Parse({"--config", "c", "x"}), ConfigError);
  CHECK_THROWS_AS(Parse({"--threads", "0"}), ConfigError);
  CHECK_THROWS_AS(Parse({"--threads", "2x"}), ConfigError);
  CHECK_THROWS_AS(Parse({"--kernels", "fast"}), ConfigError);
}

}  // namespace
}  // namespace edge_infer
