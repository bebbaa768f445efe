// Video4Linux: one plane a picture, buffers mapped into memory, as the kernel's documentation of
// "Streaming I/O (Memory Mapping)" says.

#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "camera.h"
#include "error.h"
#include "log.h"

namespace edge_infer {
namespace {

// One for the model, the newest, one that is filled, and one to spare.
constexpr uint32_t kBuffers = 4;

constexpr const char* kUnplugged = "unplugged";

std::string Reason(int error) {
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return "there is no such camera: it is not plugged in, or its driver is not loaded";
    case EBUSY:
      return "busy: another program uses it";
    case ENOTTY:
    case EINVAL:
      return "not a camera";
    default:
      return std::strerror(error);
  }
}

/// "YUYV" of the number that the kernel has for it.
std::string Letters(uint32_t code) {
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(code >> shift & 0x7f);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

uint32_t Code(CameraFormat format) {
  switch (format) {
    case CameraFormat::kYuyv:
      return V4L2_PIX_FMT_YUYV;
    case CameraFormat::kNv12:
      return V4L2_PIX_FMT_NV12;
    default:
      return V4L2_PIX_FMT_MJPEG;
  }
}

class V4l2Camera : public CaptureDevice {
 public:
  V4l2Camera(const std::string& path, const CameraConfig& config)
      : path_(path), descriptor_(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    if (descriptor_ < 0) Fail(Reason(errno));
    try {
      CheckKind();
      CheckFormat(config.format);
      SetFormat(config);
      SetRate(config.rate);
      MapBuffers();
      int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
      Control(VIDIOC_STREAMON, &type, "cannot start");
    } catch (...) {
      Close();
      throw;
    }
  }
  ~V4l2Camera() override { Close(); }
  V4l2Camera(const V4l2Camera&) = delete;
  V4l2Camera& operator=(const V4l2Camera&) = delete;

  std::optional<YuvFormat> Yuv() const override { return yuv_; }
  int Descriptor() const override { return descriptor_; }

  std::optional<Filled> Take() override {
    v4l2_buffer buffer = NewBuffer(0);
    if (Try(VIDIOC_DQBUF, &buffer) != 0) {
      if (errno == EAGAIN) return std::nullopt;
      Fail(errno == ENODEV ? kUnplugged : std::strerror(errno));
    }
    const Mapping& mapping = mappings_.at(buffer.index);
    Filled filled;
    filled.buffer = buffer.index;
    filled.bytes = {static_cast<const uint8_t*>(mapping.data),
                    std::min<size_t>(buffer.bytesused, mapping.size)};
    filled.capture.sequence = buffer.sequence;
    filled.capture.seconds = static_cast<double>(buffer.timestamp.tv_sec) +
                             static_cast<double>(buffer.timestamp.tv_usec) / 1e6;
    const bool short_of = yuv_ && filled.bytes.size < ByteSize(*yuv_);
    filled.broken = short_of || (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
    return filled;
  }

  void Give(size_t index) override {
    v4l2_buffer buffer = NewBuffer(static_cast<uint32_t>(index));
    Control(VIDIOC_QBUF, &buffer, "cannot take a buffer back");
  }

 private:
  struct Mapping {
    void* data = nullptr;
    size_t size = 0;
  };

  [[noreturn]] void Fail(const std::string& why) const {
    throw CameraError("camera " + path_ + ": " + why);
  }

  int Try(unsigned long request, void* data) const {  // NOLINT(google-runtime-int): ioctl's type
    for (;;) {
      if (ioctl(descriptor_, request, data) == 0) return 0;
      if (errno != EINTR) return -1;
    }
  }

  // NOLINTNEXTLINE(google-runtime-int): ioctl's type
  void Control(unsigned long request, void* data, const char* what) const {
    if (Try(request, data) == 0) return;
    // Whichever call comes first finds that it is gone.
    if (errno == ENODEV) Fail(kUnplugged);
    Fail(errno == EBUSY ? Reason(EBUSY) : std::string(what) + ": " + std::strerror(errno));
  }

  static v4l2_buffer NewBuffer(uint32_t index) {
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_MMAP;
    buffer.index = index;
    return buffer;
  }

  void CheckKind() const {
    v4l2_capability capability{};
    if (Try(VIDIOC_QUERYCAP, &capability) != 0) Fail(Reason(errno));
    const uint32_t can = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0
                             ? capability.device_caps
                             : capability.capabilities;
    if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0) Fail("takes no pictures, or only in several planes");
    if ((can & V4L2_CAP_STREAMING) == 0) Fail("does not stream");
  }

  void CheckFormat(CameraFormat format) const {
    std::string offered;
    v4l2_fmtdesc entry{};
    entry.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    for (; Try(VIDIOC_ENUM_FMT, &entry) == 0; ++entry.index) {
      if (entry.pixelformat == Code(format)) return;
      offered += (offered.empty() ? "" : ", ") + Letters(entry.pixelformat);
    }
    Fail(std::string("has no ") + Name(format) + " (" + Letters(Code(format)) +
         "); it has: " + (offered.empty() ? "nothing" : offered));
  }

  void SetFormat(const CameraConfig& config) {
    v4l2_format format{};
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    v4l2_pix_format& picture = format.fmt.pix;
    picture.width = static_cast<uint32_t>(config.width);
    picture.height = static_cast<uint32_t>(config.height);
    picture.pixelformat = Code(config.format);
    picture.field = V4L2_FIELD_NONE;
    Control(VIDIOC_S_FMT, &format, "cannot be set");
    const auto size = [](uint32_t width, uint32_t height) {
      return std::to_string(width) + "x" + std::to_string(height);
    };
    const std::string asked =
        size(static_cast<uint32_t>(config.width), static_cast<uint32_t>(config.height));
    const std::string got = size(picture.width, picture.height);
    if (picture.pixelformat != Code(config.format) || got != asked) {
      Fail("gives " + Letters(picture.pixelformat) + " of " + got + " when asked for " +
           Letters(Code(config.format)) + " of " + asked);
    }
    if (config.format == CameraFormat::kMjpeg) return;
    const auto kind = config.format == CameraFormat::kYuyv ? YuvKind::kYuyv : YuvKind::kNv12;
    yuv_ = PackedFormat(kind, config);
    if (picture.bytesperline > static_cast<uint32_t>(yuv_->stride)) {
      constexpr uint32_t kMaxStride = 1 << 20;
      yuv_->stride = static_cast<int>(std::min(picture.bytesperline, kMaxStride));
    }
  }

  /// A camera that cannot be asked for a rate, or has none, keeps its own.
  void SetRate(std::optional<int> rate) const {
    v4l2_streamparm parameters{};
    parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    v4l2_fract& interval = parameters.parm.capture.timeperframe;
    if (rate) {
      interval = {1, static_cast<uint32_t>(*rate)};
      (void)Try(VIDIOC_S_PARM, &parameters);
    }
    const bool told = Try(VIDIOC_G_PARM, &parameters) == 0 && interval.numerator > 0;
    const double real = told ? static_cast<double>(interval.denominator) / interval.numerator : 0;
    const bool other = rate && std::abs(real - *rate) > 0.5;
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), ": up to %.5g frames/s", real);
    Log("camera " + path_ + (told ? text.data() : ": does not tell its rate") +
        (other ? ", asked for " + std::to_string(*rate) : ""));
  }

  void MapBuffers() {
    v4l2_requestbuffers request{};
    request.count = kBuffers;
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.memory = V4L2_MEMORY_MMAP;
    Control(VIDIOC_REQBUFS, &request, "has no buffers to map");
    if (request.count < 3) Fail("has too few buffers");
    for (uint32_t index = 0; index < request.count; ++index) {
      v4l2_buffer buffer = NewBuffer(index);
      Control(VIDIOC_QUERYBUF, &buffer, "cannot tell its buffers");
      void* data = mmap(nullptr, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_,
                        static_cast<off_t>(buffer.m.offset));
      if (data == MAP_FAILED) Fail(std::string("mmap: ") + std::strerror(errno));
      mappings_.push_back({data, buffer.length});
      Give(index);
    }
  }

  void Close() {
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    (void)Try(VIDIOC_STREAMOFF, &type);
    for (const Mapping& mapping : mappings_) munmap(mapping.data, mapping.size);
    mappings_.clear();
    close(descriptor_);
  }

  std::string path_;
  int descriptor_;
  std::vector<Mapping> mappings_;
  std::optional<YuvFormat> yuv_;
};

}  // namespace

bool IsCamera(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return path.rfind("/dev/", 0) == 0;
  return S_ISCHR(status.st_mode);
}

std::unique_ptr<CaptureDevice> OpenCamera(const std::string& path, const CameraConfig& config) {
  return std::make_unique<V4l2Camera>(path, config);
}

}  // namespace edge_infer
