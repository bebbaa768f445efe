#pragma once

#include <string>
#include <vector>

#include "bytes.h"
#include "signals.h"

namespace edge_infer {

/// One encoded picture, or all inputs of a raw frame one after the other.
struct Frame {
  std::string name;  ///< the file's own name; "stdin.0", "stdin.1", ... from standard input
  Bytes bytes;       ///< valid until the next frame
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
/// files in byte order of their names, without hidden files and folders below it.
class FrameSource {
 public:
  /// Throws ConfigError for a path that is not there. `raw_size` as in StreamReader.
  FrameSource(const std::vector<std::string>& paths, size_t raw_size, const StopSignals& signals);

  /// False at the end and after a signal. Throws FrameError, with the frame's name set, for one
  /// that cannot be read; the next call goes on.
  bool Next(Frame* frame);

 private:
  bool NextOfStream(Frame* frame);

  std::vector<std::string> paths_;
  size_t next_ = 0;
  size_t stream_frames_ = 0;
  size_t raw_size_;
  const StopSignals& signals_;
  StreamReader stream_;
  std::string contents_;
};

}  // namespace edge_infer
