#include <cstdlib>

#include "error.h"
#include "image.h"

namespace edge_infer {
namespace {

constexpr size_t kFileHeader = 14;
constexpr size_t kInfoHeader = 40;  // BITMAPINFOHEADER; later ones begin like it

uint32_t Little(const uint8_t* bytes, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint32_t{bytes[i]} << (8 * i);
  return value;
}

struct Header {
  size_t pixels = 0;   ///< where the rows begin
  size_t palette = 0;  ///< where the colours begin, 4 bytes each
  size_t colours = 0;
  size_t width = 0;
  size_t height = 0;
  size_t bits = 0;  ///< of a pixel
  bool from_top = false;

  size_t stride() const { return (width * bits + 31) / 32 * 4; }
};

Header ReadHeader(Bytes encoded) {
  if (encoded.size < kFileHeader + kInfoHeader) throw FrameError("BMP: truncated");
  const uint8_t* info = encoded.data + kFileHeader;
  Header header;
  header.pixels = Little(encoded.data + 10, 4);
  const size_t size = Little(info, 4);
  const auto width = static_cast<int32_t>(Little(info + 4, 4));
  const auto height = static_cast<int32_t>(Little(info + 8, 4));
  if (size < kInfoHeader || size > encoded.size || width <= 0 || height == 0 ||
      height == INT32_MIN) {
    throw FrameError("BMP: bad header");
  }
  header.width = static_cast<size_t>(width);
  header.height = static_cast<size_t>(std::abs(height));
  header.from_top = height < 0;
  header.bits = Little(info + 14, 2);
  if (Little(info + 16, 4) != 0) throw FrameError("BMP: compressed");
  if (header.bits != 8 && header.bits != 24 && header.bits != 32) {
    throw FrameError("BMP: not of 8, 24 or 32 bits");
  }
  CheckImageSize(header.width, header.height);
  header.palette = kFileHeader + size;
  if (header.bits == 8) {
    const uint32_t used = Little(info + 32, 4);
    header.colours = used == 0 ? 256 : used;
    if (header.colours > 256) throw FrameError("BMP: bad header");
  }
  const size_t colours_end = header.palette + header.colours * 4;
  if (header.pixels < colours_end) throw FrameError("BMP: bad header");
  // By division: where a size has 32 bits, the product may be more than it holds.
  if (header.pixels > encoded.size ||
      (encoded.size - header.pixels) / header.stride() < header.height) {
    throw FrameError("BMP: truncated");
  }
  return header;
}

}  // namespace

void DecodeBmp(Bytes encoded, Image* image) {
  const Header header = ReadHeader(encoded);
  image->Resize(header.width, header.height, 3);
  const uint8_t* palette = encoded.data + header.palette;
  const size_t step = header.bits / 8;
  uint8_t* out = image->samples.data();
  for (size_t y = 0; y < header.height; ++y) {
    const size_t row = header.from_top ? y : header.height - 1 - y;
    const uint8_t* in = encoded.data + header.pixels + row * header.stride();
    for (size_t x = 0; x < header.width; ++x, in += step) {
      const uint8_t* blue = in;
      if (step == 1) {
        if (*in >= header.colours) throw FrameError("BMP: a pixel has no colour");
        blue = palette + size_t{*in} * 4;
      }
      *out++ = blue[2];
      *out++ = blue[1];
      *out++ = blue[0];
    }
  }
}

}  // namespace edge_infer
