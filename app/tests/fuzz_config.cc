#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.h"
#include "error.h"

/// Any text is either a configuration or a ConfigError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edge_infer;  // NOLINT(google-build-using-namespace): its only user
  try {
    ParseConfig({reinterpret_cast<const char*>(data), size}, /*read_labels=*/false);
  } catch (const ConfigError&) {
  }
  return 0;
}
