#pragma once

#include <NvInfer.h>

#include <chrono>
#include <mutex>

namespace edge_infer {

/// Says on standard error, every few seconds, how far the builder is.
class TensorRtProgress final : public nvinfer1::IProgressMonitor {
 public:
  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override;
  bool stepComplete(const char* phase, int32_t step) noexcept override;
  void phaseFinish(const char* phase) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;  // it is called from threads of the builder's own
  const Clock::time_point start_ = Clock::now();
  Clock::time_point told_ = start_;
};

}  // namespace edge_infer
