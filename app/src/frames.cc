#include "frames.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error.h"
#include "file.h"
#include "image.h"

namespace edge_infer {
namespace {

constexpr size_t kPiece = 1 << 16;
// 100 megapixels of 16-bit RGB, and room for text samples.
constexpr size_t kMaxFrameBytes = size_t{1} << 30;

std::vector<std::string> ListFolder(const std::string& path) {
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) throw ConfigError(path + ": " + std::strerror(errno));
  std::vector<std::string> files;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    std::string file = path + (path.back() == '/' ? "" : "/") + entry->d_name;
    struct stat status = {};
    // A dangling link is kept: it becomes a broken frame instead of being passed over in silence.
    if (stat(file.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
      files.push_back(std::move(file));
    }
  }
  closedir(folder);
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<YuvKind> KindOfRecording(const std::string& path) {
  const size_t dot = path.rfind('.');
  const std::string suffix = dot == std::string::npos ? "" : path.substr(dot);
  if (suffix == ".yuyv") return YuvKind::kYuyv;
  if (suffix == ".nv12") return YuvKind::kNv12;
  return std::nullopt;
}

}  // namespace

StreamReader::StreamReader(int descriptor, size_t raw_size, const StopSignals& signals)
    : descriptor_(descriptor), raw_size_(raw_size), signals_(signals) {}

bool StreamReader::ReadMore() {
  if (ended_ || stopped_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ >= kMaxFrameBytes) throw FrameError("too large");
  if (buffer_.size() - end_ < kPiece) buffer_.resize(std::max(2 * buffer_.size(), 2 * kPiece));
  for (;;) {
    if (!signals_.WaitForInput(descriptor_)) {
      stopped_ = true;
      return false;
    }
    const ssize_t got = read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
    if (got > 0) {
      end_ += static_cast<size_t>(got);
      return true;
    }
    if (got == 0) {
      ended_ = true;
      return false;
    }
    if (errno != EINTR && errno != EAGAIN) throw FrameError(std::strerror(errno));
  }
}

/// Size of the frame at the start of the buffer, after reading all of it; 0 at the end.
size_t StreamReader::FrameSize() {
  if (raw_size_ > 0) {
    while (Buffered().size < raw_size_ && ReadMore()) {
    }
    if (ended_ && Buffered().size > 0 && Buffered().size < raw_size_) {
      throw FrameError("truncated: " + std::to_string(Buffered().size) + " of " +
                       std::to_string(raw_size_) + " bytes");
    }
    return Buffered().size < raw_size_ ? 0 : raw_size_;
  }
  while (Buffered().size < 2 && ReadMore()) {
  }
  if (IsPnm(Buffered())) {
    for (;;) {
      const PnmExtent extent = MeasurePnm(Buffered());
      if (extent.complete) return extent.size;
      if (!ReadMore()) return Buffered().size;  // cut short: decoding will say so
    }
  }
  while (ReadMore()) {
  }
  return Buffered().size;
}

bool StreamReader::Next(Bytes* bytes) {
  begin_ += taken_;
  taken_ = 0;
  if (raw_size_ == 0) {
    // White space may stand between text pictures, and after the last one.
    do {
      while (begin_ < end_ && std::isspace(buffer_[begin_])) ++begin_;
    } while (begin_ == end_ && ReadMore());
  }
  try {
    taken_ = FrameSize();
  } catch (const FrameError&) {
    ended_ = true;
    begin_ = end_;
    throw;
  }
  if (stopped_ || taken_ == 0) return false;
  *bytes = {buffer_.data() + begin_, taken_};
  return true;
}

YuvFormat PackedFormat(YuvKind kind, const CameraConfig& camera) {
  const int stride = kind == YuvKind::kYuyv ? 2 * camera.width : camera.width;
  return {kind, camera.width, camera.height, stride};
}

FrameSource::FrameSource(const std::vector<std::string>& paths, size_t raw_size,
                         const std::optional<CameraConfig>& camera, const StopSignals& signals)
    : raw_size_(raw_size),
      signals_(signals),
      stream_(STDIN_FILENO, raw_size, signals),
      camera_(camera) {
  for (const std::string& path : paths) {
    if (path == "-") {
      paths_.push_back(path);
      continue;
    }
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) throw ConfigError(path + ": " + std::strerror(errno));
    if (S_ISDIR(status.st_mode)) {
      for (std::string& file : ListFolder(path)) paths_.push_back(std::move(file));
    } else if (S_ISREG(status.st_mode)) {
      paths_.push_back(path);
    } else {
      // Opening a pipe could block where no signal is looked for.
      throw ConfigError(path + ": not a file, a folder or a camera; use - for standard input");
    }
  }
}

bool FrameSource::NextOfStream(Frame* frame) {
  frame->name = "stdin." + std::to_string(stream_frames_);
  if (!stream_.Next(&frame->bytes)) {
    ++next_;
    return false;
  }
  ++stream_frames_;
  return true;
}

/// The next of a file of uncompressed pictures; false at its end.
bool FrameSource::NextOfRecording(Frame* frame) {
  const size_t size = ByteSize(*recording_);
  const size_t begin = recorded_ * size;
  if (recorded_ > 0 && begin >= contents_.size()) return false;
  const std::string& path = paths_[next_ - 1];
  frame->name = path.substr(path.rfind('/') + 1) + "." + std::to_string(recorded_++);
  frame->bytes = {reinterpret_cast<const uint8_t*>(contents_.data()) + begin,
                  std::min(size, contents_.size() - begin)};
  frame->yuv = recording_;
  return true;
}

bool FrameSource::Next(Frame* frame) {
  frame->yuv.reset();
  if (recording_ && !signals_.Arrived() && NextOfRecording(frame)) return true;
  recording_.reset();
  while (next_ < paths_.size()) {
    if (signals_.Arrived()) return false;
    const std::string& path = paths_[next_];
    if (path == "-") {
      if (NextOfStream(frame)) return true;
      continue;
    }
    ++next_;
    frame->name = path.substr(path.rfind('/') + 1);
    const size_t limit = raw_size_ > 0 ? raw_size_ : kMaxFrameBytes;
    if (const int error = ReadFile(path, limit, &contents_)) {
      throw FrameError(error == EFBIG ? "too large" : std::strerror(error));
    }
    if (const auto kind = camera_ ? KindOfRecording(path) : std::nullopt) {
      recording_ = PackedFormat(*kind, *camera_);
      recorded_ = 0;
      return NextOfRecording(frame);
    }
    frame->bytes = {reinterpret_cast<const uint8_t*>(contents_.data()), contents_.size()};
    return true;
  }
  return false;
}

}  // namespace edge_infer
