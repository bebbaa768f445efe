#include <algorithm>
#include <string>

#include "error.h"
#include "image.h"

namespace edge_infer {
namespace {

uint8_t Clamp(int value) { return static_cast<uint8_t>(std::clamp(value >> 8, 0, 255)); }

/// ITU-R BT.601, limited range: what cameras without a word about colours send.
struct Chroma {
  Chroma(int u, int v)
      : red(409 * (v - 128) + 128),
        green(-100 * (u - 128) - 208 * (v - 128) + 128),
        blue(516 * (u - 128) + 128) {}

  void Store(int y, uint8_t* out) const {
    const int luma = 298 * (y - 16);
    out[0] = Clamp(luma + red);
    out[1] = Clamp(luma + green);
    out[2] = Clamp(luma + blue);
  }

  int red;
  int green;
  int blue;
};

void Check(const YuvFormat& format) {
  CheckImageSize(static_cast<size_t>(std::max(format.width, 0)),
                 static_cast<size_t>(std::max(format.height, 0)));
  const bool nv12 = format.kind == YuvKind::kNv12;
  const bool even = format.width % 2 == 0 && (!nv12 || format.height % 2 == 0);
  if (!even || format.stride / (nv12 ? 1 : 2) < format.width) {
    throw FrameError("not a size of this format");
  }
}

}  // namespace

size_t ByteSize(const YuvFormat& format) {
  const size_t plane = static_cast<size_t>(format.stride) * static_cast<size_t>(format.height);
  return format.kind == YuvKind::kNv12 ? plane / 2 * 3 : plane;
}

void ConvertYuv(const YuvFormat& format, Bytes bytes, Image* image) {
  Check(format);
  if (bytes.size < ByteSize(format)) {
    throw FrameError("truncated: " + std::to_string(bytes.size) + " of " +
                     std::to_string(ByteSize(format)) + " bytes");
  }
  image->Resize(static_cast<size_t>(format.width), static_cast<size_t>(format.height), 3);
  const bool nv12 = format.kind == YuvKind::kNv12;
  const ptrdiff_t stride = format.stride;
  // From one luma sample to the next, and from one pair of columns' colour to the next.
  const int luma_step = nv12 ? 1 : 2;
  const int chroma_step = nv12 ? 2 : 4;
  const ptrdiff_t to_v = nv12 ? 1 : 2;
  uint8_t* out = image->samples.data();
  for (int y = 0; y < format.height; ++y) {
    const uint8_t* luma = bytes.data + y * stride;
    const uint8_t* chroma =
        nv12 ? bytes.data + (format.height + y / 2) * stride : bytes.data + y * stride + 1;
    for (int x = 0; x < format.width; x += 2) {
      const Chroma pair(chroma[0], chroma[to_v]);
      pair.Store(luma[0], out);
      pair.Store(luma[luma_step], out + 3);
      out += 6;
      luma += 2 * luma_step;
      chroma += chroma_step;
    }
  }
}

}  // namespace edge_infer
