#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "bytes.h"

namespace edge_infer {

/// A decoded picture: 8-bit samples, rows from the top, channels interleaved. The vector keeps its
/// capacity from frame to frame.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;  ///< 1 gray, 3 RGB
  std::vector<uint8_t> samples;

  /// Sets the size and makes room. Throws as CheckImageSize().
  void Resize(size_t width, size_t height, int channels);
};

/// Throws FrameError for an empty picture and for more than 100 megapixels.
void CheckImageSize(size_t width, size_t height);

/// How much smaller a picture of that width and height is wanted: 1, 2, 4 or 8 times in both
/// directions. May throw FrameError.
using ChooseReduction = std::function<int(int width, int height)>;

/// Decodes a PNM (P2, P3, P5, P6), BMP, PNG or JPEG picture, told apart by its first bytes, at the
/// size that `reduction`, if it is given, chooses: a JPEG picture is decoded smaller, the others
/// are decoded whole and averaged. Anything truncated, corrupt, unknown or too large throws
/// FrameError.
void DecodeImage(Bytes encoded, Image* image, const ChooseReduction& reduction = nullptr);

/// Makes each block of `times` x `times` pixels one, their mean rounded half up, in each channel;
/// at the right and lower edge a block is what is left. `times` is at most 16: the sums have 16
/// bits.
void Average(int times, Image* image);

/// Whether the bytes begin like a PNM picture; two are enough.
bool IsPnm(Bytes encoded);

/// How long the first PNM picture in `encoded` is.
struct PnmExtent {
  bool complete = false;  ///< else more bytes are needed to tell
  size_t size = 0;
};

/// Throws FrameError for a header that is wrong however it goes on.
PnmExtent MeasurePnm(Bytes encoded);

/// Two pixels share their colour (Y U Y V), or four (a plane of Y, then rows of U V).
enum class YuvKind { kYuyv, kNv12 };

/// How an uncompressed picture of a camera lies in memory.
struct YuvFormat {
  YuvKind kind = YuvKind::kYuyv;
  int width = 0;   ///< even
  int height = 0;  ///< even with kNv12
  int stride = 0;  ///< bytes from one row to the next; twice the width, or the width, at least
};

/// Bytes of such a picture.
size_t ByteSize(const YuvFormat& format);

/// To RGB, by the integer arithmetic of the project's docs/design.md. Throws FrameError for sizes
/// that cannot be, and for too few bytes.
void ConvertYuv(const YuvFormat& format, Bytes bytes, Image* image);

void DecodeBmp(Bytes encoded, Image* image);
void DecodePnm(Bytes encoded, Image* image);
void DecodePng(Bytes encoded, Image* image);
void DecodeJpeg(Bytes encoded, Image* image, const ChooseReduction& reduction = nullptr);

}  // namespace edge_infer
