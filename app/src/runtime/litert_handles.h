#pragma once

#include <string>
#include <utility>

#include "runtime/litert_c_api.h"
#include "runtime/runtime.h"

namespace edge_infer::litert {

/// Throws ConfigError, which begins with `what`, unless the status is success.
void Check(LiteRtStatus status, const std::string& what);

/// Owns one LiteRT object.
template <typename Handle>
class Owned {
 public:
  explicit Owned(void (*destroy)(Handle)) : destroy_(destroy) {}
  Owned(Owned&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), destroy_(other.destroy_) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }

  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }
  Handle release() { return std::exchange(handle_, nullptr); }

 private:
  Handle handle_ = nullptr;
  void (*destroy_)(Handle);
};

/// Throws ConfigError unless the library found at run time has the functions as declared.
void CheckLibrary();

Owned<LiteRtEnvironment> CreateEnvironment();

/// Threads and kernels of the CPU.
Owned<LiteRtOptions> CreateOptions(const LoadOptions& load);

}  // namespace edge_infer::litert
