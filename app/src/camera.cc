#include "camera.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "clock.h"
#include "error.h"
#include "log.h"

namespace edge_infer {
namespace {

constexpr double kTellEveryMs = 10'000;

}  // namespace

Event::Event() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw CameraError(std::string("eventfd: ") + std::strerror(errno));
}

Event::~Event() { close(descriptor_); }

void Event::Set() const { (void)eventfd_write(descriptor_, 1); }

void Event::Clear() const {
  eventfd_t value = 0;
  (void)eventfd_read(descriptor_, &value);
}

Camera::Camera(std::string path, std::unique_ptr<CaptureDevice> device, const StopSignals& signals,
               int patience_ms)
    : path_(std::move(path)),
      device_(std::move(device)),
      signals_(signals),
      patience_ms_(patience_ms),
      told_ms_(Now()) {
  thread_ = std::thread([this] { Run(); });
}

Camera::~Camera() {
  stop_.Set();
  thread_.join();
}

void Camera::Run() {
  try {
    Collect();
  } catch (const std::exception& error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failure_ = error.what();
    ready_.Set();
  }
}

/// Until it is stopped: takes each buffer when it is filled, and gives the one before back.
void Camera::Collect() {
  double good_ms = Now();  // when the last good picture came
  std::array<pollfd, 2> entries{
      {{stop_.Descriptor(), POLLIN, 0}, {device_->Descriptor(), POLLIN, 0}}};
  for (;;) {
    const int found = poll(entries.data(), entries.size(), patience_ms_);
    if (found == 0) throw CameraError("camera " + path_ + ": sends no pictures");
    if (entries[0].revents != 0) return;
    bool taken = false;
    while (const auto filled = device_->Take()) {
      taken = true;
      if (filled->broken) {
        device_->Give(filled->buffer);
        continue;
      }
      good_ms = Now();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (newest_) device_->Give(newest_->buffer);
      newest_ = filled;
      ready_.Set();
    }
    if (Now() - good_ms > patience_ms_) {
      throw CameraError("camera " + path_ + ": sends only broken pictures");
    }
    // Else this would go round and round.
    if (!taken && (entries[1].revents & (POLLERR | POLLHUP)) != 0) {
      throw CameraError("camera " + path_ + ": fails");
    }
  }
}

/// Takes the newest picture from the thread. Throws what made the thread end.
std::optional<CaptureDevice::Filled> Camera::Newest() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.empty()) throw CameraError(failure_);
  auto newest = newest_;
  newest_.reset();
  return newest;
}

bool Camera::Next(Frame* frame) {
  if (held_) device_->Give(*held_);
  held_.reset();
  std::optional<CaptureDevice::Filled> newest;
  while (!newest) {
    if (!signals_.WaitForInput(ready_.Descriptor())) return false;
    ready_.Clear();
    newest = Newest();
  }
  held_ = newest->buffer;
  Count(newest->capture);
  frame->name = path_.substr(path_.rfind('/') + 1) + "." + std::to_string(newest->capture.sequence);
  frame->bytes = newest->bytes;
  frame->yuv = device_->Yuv();
  frame->capture = newest->capture;
  return true;
}

void Camera::Count(const Capture& capture) {
  ++frames_;
  if (last_ && capture.sequence > *last_) dropped_ += capture.sequence - *last_ - 1;
  last_ = capture.sequence;
  const double elapsed = Now() - told_ms_;
  if (elapsed < kTellEveryMs) return;
  std::array<char, 100> text{};
  std::snprintf(text.data(), text.size(), ": %.1f frames/s, %.1f%% of %llu dropped",
                static_cast<double>(frames_) * 1000 / elapsed,
                static_cast<double>(dropped_) * 100 / static_cast<double>(frames_ + dropped_),
                static_cast<unsigned long long>(frames_ + dropped_));  // NOLINT(google-runtime-int)
  Log("camera " + path_ + text.data());
  frames_ = 0;
  dropped_ = 0;
  told_ms_ += elapsed;
}

}  // namespace edge_infer
