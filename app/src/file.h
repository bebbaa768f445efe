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

}  // namespace edge_infer
