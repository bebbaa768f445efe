#include "runtime/tensorrt_progress.h"

#include <string>

#include "log.h"

namespace edge_infer {
namespace {

constexpr std::chrono::seconds kEvery{10};

}  // namespace

void TensorRtProgress::phaseStart(const char* /*phase*/, const char* /*parent*/,
                                  int32_t /*steps*/) noexcept {}

bool TensorRtProgress::stepComplete(const char* phase, int32_t step) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (now - told_ >= kEvery) {
    told_ = now;
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
    Log("building the engine: " + std::to_string(passed) + " s, " + phase + " " +
        std::to_string(step + 1));
  }
  return true;  // go on
}

void TensorRtProgress::phaseFinish(const char* /*phase*/) noexcept {}

}  // namespace edge_infer
