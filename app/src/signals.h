#pragma once

#include "watchdog.h"

namespace edge_infer {

/// SIGTERM and SIGINT as something to ask for: they are blocked in all threads, so no system call
/// of a runtime is ever interrupted, and a wait for input ends when one arrives. SIGPIPE is
/// ignored; writing then fails with EPIPE. Make it before any thread starts.
class StopSignals {
 public:
  /// A wait feeds the watchdog.
  explicit StopSignals(Watchdog* watchdog = nullptr);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool Arrived() const;

  /// Waits until `descriptor` can be read without blocking. False when a signal came first.
  bool WaitForInput(int descriptor) const;

 private:
  int descriptor_;
  Watchdog* watchdog_;
};

}  // namespace edge_infer
