#include "runtime/litert_handles.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace edge_infer::litert {
namespace {

const char* StatusText(LiteRtStatus status) {
  switch (status) {
    case 1:
      return "invalid argument";
    case 2:
      return "out of memory";
    case 3:
      return "runtime failure";
    case 5:
      return "unsupported";
    case 6:
      return "not found";
    case 500:
      return "cannot read the file";
    case 501:
      return "not a valid model file";
    case 504:
      return "the model cannot be compiled";
    default:
      return "error";
  }
}

}  // namespace

void Check(LiteRtStatus status, const std::string& what) {
  if (status == 0) return;
  throw ConfigError(what + ": LiteRT: " + StatusText(status) + " (status " +
                    std::to_string(status) + ")");
}

void CheckLibrary() {
  constexpr const char* kNeeded = "this program needs LiteRT 2.1, from 2.1.6";
  const char* problem = nullptr;
  if (LiteRtCreateModelFromFd == nullptr) {
    problem = "older";
  } else if (dlsym(RTLD_DEFAULT, kLiteRtNewIn22) != nullptr) {
    // From 2.2 on its reference mode silently runs optimised kernels.
    problem = "newer";
  }
  if (problem != nullptr) {
    throw ConfigError(std::string("libLiteRt.so is ") + problem + ": " + kNeeded);
  }
}

Owned<LiteRtEnvironment> CreateEnvironment() {
  // Without the first option LiteRT looks for GPU libraries on each start; with one of them in the
  // library path, Cortex-A35 to A72 abort.
  std::array<LiteRtEnvOption, 2> options{};
  options[0].tag = kLiteRtEnvOptionTagAutoRegisterAccelerators;
  options[0].value.type = kLiteRtAnyTypeInt;
  options[0].value.int_value = kLiteRtHwAcceleratorCpu;
  options[1].tag = kLiteRtEnvOptionTagMinLoggerSeverity;
  options[1].value.type = kLiteRtAnyTypeInt;
  options[1].value.int_value = kLiteRtLogSeverityError;
  Owned<LiteRtEnvironment> environment(LiteRtDestroyEnvironment);
  Check(
      LiteRtCreateEnvironment(static_cast<int>(options.size()), options.data(), environment.out()),
      "cannot start the runtime");
  return environment;
}

Owned<LiteRtOptions> CreateOptions(const LoadOptions& load) {
  Owned<LiteRtOptions> options(LiteRtDestroyOptions);
  Check(LiteRtCreateOptions(options.out()), "cannot make options");
  Check(LiteRtSetOptionsHardwareAccelerators(options.get(), kLiteRtHwAcceleratorCpu),
        "cannot choose the CPU");
  std::string toml = "num_threads = " + std::to_string(load.threads) + "\n";
  if (load.kernels == Kernels::kReference) toml += "kernel_mode = \"reference\"\n";
  Owned<LiteRtOpaqueOptions> opaque(LiteRtDestroyOpaqueOptions);
  char* payload = strdup(toml.c_str());
  const LiteRtStatus status = LiteRtCreateOpaqueOptions("xnnpack", payload, free, opaque.out());
  if (status != 0) free(payload);
  Check(status, "cannot make options");
  Check(LiteRtAddOpaqueOptions(options.get(), opaque.get()), "cannot set threads and kernels");
  opaque.release();
  return options;
}

}  // namespace edge_infer::litert
