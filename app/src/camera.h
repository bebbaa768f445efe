#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "frames.h"
#include "signals.h"

namespace edge_infer {

/// A camera's driver: it fills the buffers that it has been given, one after the other.
class CaptureDevice {
 public:
  struct Filled {
    size_t buffer = 0;
    Bytes bytes;  ///< valid until the buffer is given back
    Capture capture;
    bool broken = false;  ///< the driver says that data is missing
  };

  virtual ~CaptureDevice() = default;

  /// What its pictures are; none when they are JPEG.
  virtual std::optional<YuvFormat> Yuv() const = 0;

  /// Can be read, for poll(), when Take() has something to say.
  virtual int Descriptor() const = 0;

  /// The buffer that was filled first, if there is one. Throws CameraError.
  virtual std::optional<Filled> Take() = 0;

  /// Gives a buffer back, also while another thread takes one. Throws CameraError.
  virtual void Give(size_t buffer) = 0;
};

/// A descriptor that one thread sets and another waits for.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  int Descriptor() const { return descriptor_; }
  void Set() const;
  void Clear() const;

 private:
  int descriptor_;
};

/// The newest picture of a camera, each time. A thread of its own takes every buffer at once, so
/// that the driver always has free ones: pictures for which nobody was ready in time are dropped,
/// none waits in a queue. The rate is told on standard error.
class Camera : public Source {
 public:
  /// `path` for messages and the frames' names. Starts the thread; `signals` must be older.
  /// Without a good picture for `patience_ms` the camera has failed.
  Camera(std::string path, std::unique_ptr<CaptureDevice> device, const StopSignals& signals,
         int patience_ms = 5000);
  ~Camera() override;
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;

  /// Waits for a picture that is newer than the last. Throws CameraError also when none comes.
  bool Next(Frame* frame) override;

 private:
  void Run();
  void Collect();
  std::optional<CaptureDevice::Filled> Newest();
  void Count(const Capture& capture);

  std::string path_;
  std::unique_ptr<CaptureDevice> device_;
  const StopSignals& signals_;
  const int patience_ms_;
  Event ready_;
  Event stop_;
  std::optional<size_t> held_;  ///< the buffer of the frame that was given out

  std::mutex mutex_;  ///< of the next two
  std::optional<CaptureDevice::Filled> newest_;
  std::string failure_;

  // The rate since it was told last.
  std::optional<uint32_t> last_;  ///< sequence number
  uint64_t frames_ = 0;
  uint64_t dropped_ = 0;
  double told_ms_;

  std::thread thread_;
};

/// Whether a path is a device, or would be one if it were plugged in.
bool IsCamera(const std::string& path);

/// Opens a V4L2 camera, sets what is asked for, and starts it. Throws CameraError.
std::unique_ptr<CaptureDevice> OpenCamera(const std::string& path, const CameraConfig& config);

}  // namespace edge_infer
