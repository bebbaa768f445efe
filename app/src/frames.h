#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bytes.h"
#include "config.h"
#include "image.h"
#include "signals.h"

namespace edge_infer {

/// When and as which of its frames a camera took a picture.
struct Capture {
  uint32_t sequence = 0;  ///< of all the camera took; numbers that are left out were dropped
  double seconds = 0;     ///< since the device was booted
};

/// One encoded picture, an uncompressed one of a camera, or all inputs of a raw frame one after the
/// other.
struct Frame {
  std::string name;  ///< the file's own name; "stdin.0", "stdin.1", ... from standard input
  Bytes bytes;       ///< valid until the next frame
  std::optional<YuvFormat> yuv;    ///< of an uncompressed picture
  std::optional<Capture> capture;  ///< of a camera's
};

/// Where frames come from.
class Source {
 public:
  virtual ~Source() = default;

  /// False at the end and after a signal. Throws FrameError, with the frame's name set, for one
  /// that cannot be read; the next call goes on. Throws CameraError when no more can come.
  virtual bool Next(Frame* frame) = 0;
};

/// Standard input, cut into frames: raw ones of `raw_size` bytes, or, when that is 0, PNM pictures
/// one after the other or one picture of another format.
class StreamReader {
 public:
  StreamReader(int descriptor, size_t raw_size, const StopSignals& signals);

  /// False at the end, and when a signal arrives while waiting. Throws FrameError when what is
  /// left is not a whole frame; the stream has then ended.
  bool Next(Bytes* bytes);

 private:
  bool ReadMore();
  size_t FrameSize();
  Bytes Buffered() const { return {buffer_.data() + begin_, end_ - begin_}; }

  int descriptor_;
  size_t raw_size_;
  const StopSignals& signals_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;  ///< buffered bytes are begin_ to end_
  size_t end_ = 0;
  size_t taken_ = 0;  ///< size of the frame given out last
  bool ended_ = false;
  bool stopped_ = false;
};

/// All frames of files, folders and standard input ("-"), in the order given. A folder gives its
/// files in byte order of their names, without hidden files and folders below it. With a camera's
/// description, a file called *.yuyv or *.nv12 holds uncompressed pictures of its size, one after
/// the other; they are named file.0, file.1, ...
class FrameSource : public Source {
 public:
  /// Throws ConfigError for a path that is not there. `raw_size` as in StreamReader.
  FrameSource(const std::vector<std::string>& paths, size_t raw_size,
              const std::optional<CameraConfig>& camera, const StopSignals& signals);

  bool Next(Frame* frame) override;

 private:
  bool NextOfStream(Frame* frame);
  bool NextOfRecording(Frame* frame);

  std::vector<std::string> paths_;
  size_t next_ = 0;
  size_t stream_frames_ = 0;
  size_t raw_size_;
  const StopSignals& signals_;
  StreamReader stream_;
  std::optional<CameraConfig> camera_;
  std::string contents_;
  std::optional<YuvFormat> recording_;  ///< of the file that is being read
  size_t recorded_ = 0;                 ///< frames of it that were given out
};

/// Densely packed, as in a file.
YuvFormat PackedFormat(YuvKind kind, const CameraConfig& camera);

}  // namespace edge_infer
