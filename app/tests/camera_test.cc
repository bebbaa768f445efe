#include "camera.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>

#include "error.h"
#include "file.h"

namespace edge_infer {
namespace {

using std::chrono::milliseconds;

/// A driver with four buffers and no camera: it fills them when it is told to.
class FakeDevice : public CaptureDevice {
 public:
  explicit FakeDevice(FakeDevice** self) {
    *self = this;
    for (size_t i = 0; i < 4; ++i) free_.push_back(i);
  }

  std::optional<YuvFormat> Yuv() const override { return std::nullopt; }
  int Descriptor() const override { return event_.Descriptor(); }

  std::optional<Filled> Take() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    event_.Clear();
    if (filled_.empty()) {
      if (unplugged_) throw CameraError("unplugged");
      return std::nullopt;
    }
    const Filled filled = filled_.front();
    filled_.pop_front();
    return filled;
  }

  void Give(size_t buffer) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(buffer);
  }

  /// What a camera does at its own pace: a picture without a free buffer is lost.
  void Shoot(bool broken = false) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint32_t sequence = sequence_++;
    if (free_.empty()) return;
    Filled filled;
    filled.buffer = free_.front();
    free_.pop_front();
    filled.capture.sequence = sequence;
    filled.capture.seconds = sequence / 30.0;
    filled.broken = broken;
    filled_.push_back(filled);
    event_.Set();
  }

  void Unplug() {
    const std::lock_guard<std::mutex> lock(mutex_);
    unplugged_ = true;
    event_.Set();
  }

  /// Waits until the camera's thread has taken all that was shot, and holds `held` buffers.
  bool Settled(size_t held) {
    for (int i = 0; i < 5000; ++i) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (filled_.empty() && free_.size() == 4 - held) return true;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    return false;
  }

 private:
  Event event_;
  std::mutex mutex_;
  std::deque<size_t> free_;
  std::deque<Filled> filled_;
  uint32_t sequence_ = 0;
  bool unplugged_ = false;
};

struct Rig {
  StopSignals signals;
  FakeDevice* device = nullptr;
  Camera camera{"/dev/video7", std::make_unique<FakeDevice>(&device), signals};
  Frame frame;

  uint32_t Next() {
    REQUIRE(camera.Next(&frame));
    return frame.capture->sequence;
  }
};

TEST_CASE("a camera gives the newest picture, never one that waited") {
  Rig rig;
  rig.device->Shoot();
  CHECK(rig.Next() == 0);
  CHECK(rig.frame.name == "video7.0");
  // While the model works on the first, more come than there are buffers.
  for (int i = 0; i < 20; ++i) {
    rig.device->Shoot();
    REQUIRE(rig.device->Settled(2));
  }
  CHECK(rig.Next() == 20);
  rig.device->Shoot();
  CHECK(rig.Next() == 21);
  CHECK(rig.frame.capture->seconds == 0.7);
}

TEST_CASE("a camera's broken pictures are passed over") {
  Rig rig;
  rig.device->Shoot(true);
  rig.device->Shoot();
  CHECK(rig.Next() == 1);
  for (int i = 0; i < 10; ++i) {
    rig.device->Shoot(true);
    REQUIRE(rig.device->Settled(1));
  }
  rig.device->Shoot();
  CHECK(rig.Next() == 12);
}

TEST_CASE("a camera that sends only broken pictures has failed") {
  const StopSignals signals;
  FakeDevice* device = nullptr;
  Camera camera("/dev/video7", std::make_unique<FakeDevice>(&device), signals, 100);
  std::atomic<bool> failed{false};
  std::thread shooter([&] {
    while (!failed) {
      device->Shoot(true);
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  Frame frame;
  CHECK_THROWS_WITH_AS(camera.Next(&frame), "camera /dev/video7: sends only broken pictures",
                       CameraError);
  failed = true;
  shooter.join();
}

TEST_CASE("a camera that is unplugged ends with an error") {
  Rig rig;
  rig.device->Shoot();
  CHECK(rig.Next() == 0);
  rig.device->Unplug();
  CHECK_THROWS_WITH_AS(rig.camera.Next(&rig.frame), "unplugged", CameraError);
}

TEST_CASE("a signal ends the wait for a camera") {
  Rig rig;
  std::thread sender([] {
    std::this_thread::sleep_for(milliseconds(20));
    kill(getpid(), SIGTERM);
  });
  CHECK_FALSE(rig.camera.Next(&rig.frame));
  sender.join();
  // Taken away, or the tests that follow would see it.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  int number = 0;
  CHECK(sigwait(&set, &number) == 0);
}

TEST_CASE("cameras that cannot be opened") {
  CHECK(IsCamera("/dev/video77"));
  CHECK(IsCamera("/dev/null"));
  CHECK_FALSE(IsCamera("/tmp"));
  const CameraConfig config{CameraFormat::kYuyv, 640, 480, std::nullopt};
  CHECK_THROWS_WITH_AS(OpenCamera("/dev/null", config), "camera /dev/null: not a camera",
                       CameraError);
  CHECK_THROWS_WITH_AS(OpenCamera("/dev/video77", config),
                       "camera /dev/video77: there is no such camera: it is not plugged in, or its "
                       "driver is not loaded",
                       CameraError);
}

TEST_CASE("YUV to RGB") {
  Image image;
  const auto convert = [&image](YuvKind kind, int width, int height, std::vector<uint8_t> bytes) {
    const int stride = kind == YuvKind::kYuyv ? 2 * width : width;
    ConvertYuv({kind, width, height, stride}, {bytes.data(), bytes.size()}, &image);
    return image.samples;
  };
  using Samples = std::vector<uint8_t>;
  // Black and white, red, and what lies outside the limited range.
  CHECK(convert(YuvKind::kYuyv, 2, 1, {16, 128, 235, 128}) == Samples{0, 0, 0, 255, 255, 255});
  CHECK(convert(YuvKind::kYuyv, 2, 1, {81, 90, 81, 240}) == Samples{255, 0, 0, 255, 0, 0});
  CHECK(convert(YuvKind::kYuyv, 2, 1, {0, 0, 255, 0}) == Samples{0, 135, 0, 74, 255, 20});
  CHECK(convert(YuvKind::kNv12, 2, 2, {16, 235, 81, 145, 128, 128}) ==
        Samples{0, 0, 0, 255, 255, 255, 76, 76, 76, 150, 150, 150});
  CHECK_THROWS_AS(convert(YuvKind::kYuyv, 2, 1, {1, 2, 3}), FrameError);
  CHECK_THROWS_AS(convert(YuvKind::kYuyv, 3, 1, Samples(6)), FrameError);
  CHECK_THROWS_AS(convert(YuvKind::kNv12, 2, 1, Samples(6)), FrameError);
  CHECK_THROWS_AS(convert(YuvKind::kNv12, 0, 2, {}), FrameError);
}

TEST_CASE("rows of a camera can be longer than its pictures") {
  Image packed;
  Image padded;
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 4 * 4 * 3 / 2; ++i) bytes.push_back(static_cast<uint8_t>(i * 31));
  ConvertYuv({YuvKind::kNv12, 4, 4, 4}, {bytes.data(), bytes.size()}, &packed);
  std::vector<uint8_t> wide;
  for (size_t row = 0; row < 6; ++row) {
    wide.insert(wide.end(), &bytes[4 * row], &bytes[4 * row] + 4);
    wide.insert(wide.end(), 3, 99);
  }
  ConvertYuv({YuvKind::kNv12, 4, 4, 7}, {wide.data(), wide.size()}, &padded);
  CHECK(packed.samples == padded.samples);
}

TEST_CASE("recordings of a camera") {
  char folder[] = "/tmp/edge-infer-test-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/two.yuyv";
  std::ofstream(path) << "aaaabbbbcc";
  const StopSignals signals;
  const CameraConfig config{CameraFormat::kMjpeg, 2, 1, std::nullopt};
  FrameSource source({folder}, 0, config, signals);
  Frame frame;
  std::string read;
  while (source.Next(&frame)) {
    CHECK(frame.yuv->kind == YuvKind::kYuyv);
    CHECK(frame.yuv->stride == 4);
    read += frame.name + "=" + std::string(frame.bytes.begin(), frame.bytes.end()) + " ";
  }
  CHECK(read == "two.yuyv.0=aaaa two.yuyv.1=bbbb two.yuyv.2=cc ");
  FrameSource picture({path}, 0, std::nullopt, signals);
  REQUIRE(picture.Next(&frame));
  CHECK_FALSE(frame.yuv);
  unlink(path.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace edge_infer
