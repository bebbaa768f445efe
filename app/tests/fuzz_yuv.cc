#include <cstddef>
#include <cstdint>
#include <cstring>

#include "error.h"
#include "image.h"

/// Any size, stride and length is converted, without a byte beyond its end, or is a FrameError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edge_infer;  // NOLINT(google-build-using-namespace): its only user
  int16_t sizes[3];
  if (size < sizeof sizes + 1) return 0;
  std::memcpy(sizes, data, sizeof sizes);
  const size_t header = sizeof sizes + 1;
  const auto kind = data[header - 1] % 2 == 0 ? YuvKind::kYuyv : YuvKind::kNv12;
  Image image;
  try {
    ConvertYuv({kind, sizes[0], sizes[1], sizes[2]}, {data + header, size - header}, &image);
  } catch (const FrameError&) {
  }
  return 0;
}
