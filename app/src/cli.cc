#include "cli.h"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstring>

#include "error.h"

namespace edge_infer {
namespace {

enum Option : int {
  kConfig = 256,
  kInput,
  kOutput,
  kRawOutput,
  kSelftest,
  kKernels,
  kThreads,
  kBenchmark,
  kIterations,
  kWarmUp,
  kVersion,
  kHelp,
};

const std::array<option, 13> kOptions{{{"config", required_argument, nullptr, kConfig},
                                       {"input", required_argument, nullptr, kInput},
                                       {"output", required_argument, nullptr, kOutput},
                                       {"raw-output", required_argument, nullptr, kRawOutput},
                                       {"selftest", required_argument, nullptr, kSelftest},
                                       {"kernels", required_argument, nullptr, kKernels},
                                       {"threads", required_argument, nullptr, kThreads},
                                       {"benchmark", no_argument, nullptr, kBenchmark},
                                       {"iterations", required_argument, nullptr, kIterations},
                                       {"warm-up", required_argument, nullptr, kWarmUp},
                                       {"version", no_argument, nullptr, kVersion},
                                       {"help", no_argument, nullptr, kHelp},
                                       {nullptr, 0, nullptr, 0}}};

int ParseNumber(const char* name, const char* text, int low, int high) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto result = std::from_chars(text, end, value);
  if (result.ec != std::errc() || result.ptr != end || value < low || value > high) {
    throw ConfigError(std::string(name) + ": must be a whole number from " + std::to_string(low) +
                      " to " + std::to_string(high));
  }
  return value;
}

Kernels ParseKernels(const std::string& name) {
  if (name == "default") return Kernels::kDefault;
  if (name == "reference") return Kernels::kReference;
  throw ConfigError("--kernels: must be reference or default");
}

void Apply(int option, const char* value, Arguments* arguments) {
  constexpr int kMany = 10'000'000;
  switch (option) {
    case kConfig:
      arguments->config = value;
      break;
    case kInput:
      arguments->inputs.emplace_back(value);
      break;
    case kOutput:
      arguments->output = value;
      break;
    case kRawOutput:
      arguments->raw_output = value;
      break;
    case kSelftest:
      arguments->selftest = value;
      break;
    case kKernels:
      arguments->kernels = ParseKernels(value);
      break;
    case kThreads:
      arguments->threads = ParseNumber("--threads", value, 1, 256);
      break;
    case kBenchmark:
      arguments->benchmark = true;
      break;
    case kIterations:
      arguments->iterations = ParseNumber("--iterations", value, 1, kMany);
      break;
    case kWarmUp:
      arguments->warm_up = ParseNumber("--warm-up", value, 0, kMany);
      break;
    case kVersion:
      arguments->version = true;
      break;
    case kHelp:
      arguments->help = true;
      break;
    default:
      throw ConfigError("unknown option");
  }
}

}  // namespace

const char* const kUsage =
    "usage: edge-infer --config FILE [--input PATH]... [--output FILE] [--raw-output DIR]\n"
    "                  [--selftest DIR] [--kernels reference|default] [--threads N]\n"
    "                  [--benchmark] [--iterations N] [--warm-up N] [--version]\n";

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  opterr = 0;
  optind = 1;
  for (;;) {
    const int current = optind;
    // ":" tells a missing value from an unknown option.
    const int option = getopt_long(argc, argv, ":", kOptions.data(), nullptr);
    if (option == -1) break;
    const std::string word = current < argc ? argv[current] : "";
    if (option == ':') throw ConfigError(word + ": needs a value");
    if (option == '?') throw ConfigError(word + ": not an option; try --help");
    Apply(option, optarg, &arguments);
  }
  if (optind < argc) throw ConfigError(std::string(argv[optind]) + ": not expected; try --help");
  if (arguments.config.empty() && !arguments.version && !arguments.help) {
    throw ConfigError("--config is missing; try --help");
  }
  return arguments;
}

}  // namespace edge_infer
