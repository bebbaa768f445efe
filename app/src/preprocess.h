#pragma once

#include <cstdint>
#include <vector>

#include "bytes.h"
#include "config.h"
#include "frames.h"
#include "image.h"

namespace edge_infer {

/// Where one target coordinate lies in the source: between samples `low` and `high`, `fraction`
/// of 2048 away from `low`.
struct Tap {
  int low = 0;
  int high = 0;
  int fraction = 0;
};

/// Bilinear, half-pixel centres, for a source of `source` samples that begins at `offset`.
std::vector<Tap> MakeTaps(int source, int target, int offset);

/// A rectangle, in pixels.
struct Area {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  bool operator==(const Area& other) const {
    return x == other.x && y == other.y && width == other.width && height == other.height;
  }
};

/// The part of the source that is used and the part of the target that it fills.
struct Placement {
  Area source;
  Area target;
};

/// Throws FrameError when `resize` is kNone and the sizes differ.
Placement Place(Resize resize, int source_width, int source_height, int width, int height);

/// How many times smaller in both directions, 1, 2, 4 or 8, the source can be before a resize has
/// to enlarge it.
int Reduction(const Placement& placement);

/// Turns pictures into the bytes of an input tensor, as "Preprocessing, to the byte" in the
/// project's docs/design.md says: colour, resize, normalise, quantize, layout.
class Preprocessor {
 public:
  explicit Preprocessor(const InputConfig& input);

  /// The frame's picture, reduced as far as the resize allows. Throws FrameError.
  void Decode(const Frame& frame, Image* image) const;

  /// How much smaller a picture of that size is made before the resize. Throws as Place().
  int ReductionOf(int width, int height) const;

  /// `tensor` is ByteSize() of the input long. Throws FrameError.
  void Run(const Image& image, MutableBytes tensor);

 private:
  void UpdateTaps(const Image& image);
  template <int kBytes>
  void Fill(const Image& image, uint8_t* tensor) const;

  ImageConfig config_;
  size_t element_size_;
  /// The tensor's bytes for each of the 256 samples of each channel: all of the floating-point
  /// arithmetic is done once, here.
  std::vector<uint8_t> table_;
  Placement placement_;
  std::vector<Tap> columns_;
  std::vector<Tap> rows_;
};

/// One normalised value as the bytes of the tensor's type, little-endian, written to `out`.
void StoreValue(double value, const TensorSpec& tensor, uint8_t* out);

}  // namespace edge_infer
