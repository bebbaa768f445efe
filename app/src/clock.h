#pragma once

#include <chrono>

namespace edge_infer {

/// Milliseconds on a clock that is never set.
inline double Now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace edge_infer
