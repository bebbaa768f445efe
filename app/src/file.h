#pragma once

#include <cstddef>
#include <string>

#include "bytes.h"

namespace edge_infer {

/// Reads a whole regular file or pipe into `contents`, which keeps its capacity between calls.
/// Returns 0 or an errno; EFBIG above `limit` bytes, EISDIR for a folder.
int ReadFile(const std::string& path, size_t limit, std::string* contents);

/// Writes all bytes to a descriptor; continues after signals. Returns 0 or an errno.
int WriteAll(int descriptor, Bytes bytes);

/// Creates or replaces a file. Returns 0 or an errno.
int WriteFile(const std::string& path, Bytes bytes);

/// A file mapped into memory, read-only. Throws ConfigError.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_;
  size_t size_ = 0;
};

}  // namespace edge_infer
