#pragma once

#include <cstddef>
#include <cstdint>

namespace edge_infer {

/// Memory that somebody else owns. (std::span is C++20.)
template <typename Byte>
struct BasicBytes {
  Byte* data = nullptr;
  size_t size = 0;

  Byte* begin() const { return data; }
  Byte* end() const { return data + size; }
};

using Bytes = BasicBytes<const uint8_t>;
using MutableBytes = BasicBytes<uint8_t>;

}  // namespace edge_infer
