#include "image.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace edge_infer {
namespace {

constexpr size_t kMaxPixels = 100'000'000;

bool StartsWith(Bytes bytes, const char* magic, size_t size) {
  return bytes.size >= size && std::memcmp(bytes.data, magic, size) == 0;
}

/// Adds a row of samples to the sums. In pieces of a known size, which GCC vectorises at -O2 too:
/// six times as fast.
void AddRow(const uint8_t* __restrict row, size_t size, uint16_t* __restrict sums) {
  constexpr size_t kPiece = 16;
  const auto add = [row, sums](size_t i) { sums[i] = static_cast<uint16_t>(sums[i] + row[i]); };
  size_t i = 0;
  for (; i + kPiece <= size; i += kPiece) {
    for (size_t k = 0; k < kPiece; ++k) add(i + k);
  }
  for (; i < size; ++i) add(i);
}

/// Averages what was decoded whole.
void Reduce(const ChooseReduction& reduction, Image* image) {
  if (reduction) Average(reduction(image->width, image->height), image);
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

void Average(int times, Image* image) {
  if (times == 1) return;
  const int channels = image->channels;
  const size_t stride = static_cast<size_t>(image->width) * static_cast<size_t>(channels);
  std::vector<uint16_t> sums(stride);  // of each column in a row of blocks
  const uint8_t* in = image->samples.data();
  uint8_t* out = image->samples.data();  // never ahead of `in`
  for (int y = 0; y < image->height; y += times) {
    const int rows = std::min(times, image->height - y);
    std::fill(sums.begin(), sums.end(), uint16_t{0});
    for (int row = 0; row < rows; ++row, in += stride) AddRow(in, stride, sums.data());
    const uint16_t* column = sums.data();
    for (int x = 0; x < image->width; x += times) {
      const int columns = std::min(times, image->width - x);
      const auto count = static_cast<unsigned>(rows * columns);
      for (int c = 0; c < channels; ++c) {
        unsigned sum = count / 2;
        for (int i = 0; i < columns; ++i) sum += column[i * channels + c];
        *out++ = static_cast<uint8_t>(sum / count);
      }
      column += columns * channels;
    }
  }
  const auto smaller = [times](int size) { return static_cast<size_t>((size - 1) / times + 1); };
  image->Resize(smaller(image->width), smaller(image->height), channels);
}

void DecodeImage(Bytes encoded, Image* image, const ChooseReduction& reduction) {
  if (IsPnm(encoded)) {
    DecodePnm(encoded, image);
    Reduce(reduction, image);
  } else if (StartsWith(encoded, "BM", 2)) {
    DecodeBmp(encoded, image);
    Reduce(reduction, image);
  } else if (StartsWith(encoded, "\x89PNG\r\n\x1a\n", 8)) {
#ifdef EDGE_INFER_HAVE_PNG
    DecodePng(encoded, image);
    Reduce(reduction, image);
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
    throw FrameError("not a PNM, BMP, PNG or JPEG picture");
  }
}

}  // namespace edge_infer
