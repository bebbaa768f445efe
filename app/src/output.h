#pragma once

#include <string>

#include "bytes.h"

namespace edge_infer {

/// Where JSON lines go. Each is written at once, with one system call.
class LineWriter {
 public:
  /// Standard output when `path` is empty. Throws OutputError.
  explicit LineWriter(const std::string& path);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// `line` without its end, which is added. Throws OutputError.
  void Write(std::string* line);

 private:
  std::string name_;
  int descriptor_;
};

/// Writes DIR/<frame>.<i>.bin. Throws OutputError.
void WriteRawOutput(const std::string& folder, const std::string& frame, size_t i, Bytes bytes);

}  // namespace edge_infer
