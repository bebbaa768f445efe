#include "image.h"

#include <cstring>

#include "error.h"

namespace edge_infer {
namespace {

constexpr size_t kMaxPixels = 100'000'000;

bool StartsWith(Bytes bytes, const char* magic, size_t size) {
  return bytes.size >= size && std::memcmp(bytes.data, magic, size) == 0;
}

}  // namespace

void CheckImageSize(size_t width, size_t height) {
  if (width == 0 || height == 0) throw FrameError("the picture is empty");
  if (width > kMaxPixels / height) throw FrameError("more than 100 megapixels");
}

void Image::Resize(size_t new_width, size_t new_height, int new_channels) {
  CheckImageSize(new_width, new_height);
  width = static_cast<int>(new_width);
  height = static_cast<int>(new_height);
  channels = new_channels;
  samples.resize(new_width * new_height * static_cast<size_t>(new_channels));
}

void DecodeImage(Bytes encoded, Image* image, const ChooseReduction& reduction) {
  if (IsPnm(encoded)) {
    DecodePnm(encoded, image);
  } else if (StartsWith(encoded, "\x89PNG\r\n\x1a\n", 8)) {
#ifdef EDGE_INFER_HAVE_PNG
    DecodePng(encoded, image);
#else
    throw FrameError("PNG is not compiled in");
#endif
  } else if (StartsWith(encoded, "\xff\xd8\xff", 3)) {
#ifdef EDGE_INFER_HAVE_JPEG
    DecodeJpeg(encoded, image, reduction);
#else
    throw FrameError("JPEG is not compiled in");
#endif
  } else if (encoded.size == 0) {
    throw FrameError("empty");
  } else {
    throw FrameError("not a PNM, PNG or JPEG picture");
  }
}

}  // namespace edge_infer
