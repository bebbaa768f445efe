#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config.h"

namespace edge_infer {

struct Arguments {
  std::string config;
  std::vector<std::string> inputs;  ///< empty: the configuration's source
  std::string output;               ///< empty: standard output
  std::string raw_output;           ///< empty: none
  std::string selftest;             ///< folder with expected outputs; empty: none
  std::optional<Kernels> kernels;
  std::optional<int> threads;
  bool benchmark = false;
  int iterations = 100;
  int warm_up = 10;
  bool version = false;
  bool help = false;
};

extern const char* const kUsage;

/// Throws ConfigError.
Arguments ParseArguments(int argc, char** argv);

}  // namespace edge_infer
