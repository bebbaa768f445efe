#include "preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "error.h"

namespace edge_infer {
namespace {

constexpr int kOne = 2048;  // 1.0 of a tap's fraction
constexpr int kShift = 11;

template <typename T>
void Store(T value, uint8_t* out) {
  std::memcpy(out, &value, sizeof value);
}

/// Rounds half up and clamps to T. A double cannot hold the largest int64, hence the >=.
template <typename T>
void StoreInteger(double value, uint8_t* out) {
  const double rounded = std::floor(value + 0.5);
  T result = static_cast<T>(0);
  if (rounded >= static_cast<double>(std::numeric_limits<T>::max())) {
    result = std::numeric_limits<T>::max();
  } else if (rounded <= static_cast<double>(std::numeric_limits<T>::min())) {
    result = std::numeric_limits<T>::min();
  } else {
    result = static_cast<T>(rounded);
  }
  Store(result, out);
}

/// The colour of the tensor's channel `c` at a pixel of the source.
struct Sampler {
  bool luma;                  ///< gray from RGB
  int pixel;                  ///< bytes from one pixel to the next
  std::array<int, 3> offset;  ///< of the source channel, for each channel of the tensor

  int operator()(const uint8_t* row, int x, int c) const {
    const uint8_t* p = row + static_cast<ptrdiff_t>(x) * pixel;
    if (luma) return (77 * p[0] + 150 * p[1] + 29 * p[2] + 128) >> 8;
    return p[offset[static_cast<size_t>(c)]];
  }
};

Sampler MakeSampler(Color color, int source_channels) {
  if (source_channels == 1) return {false, 1, {0, 0, 0}};
  if (color == Color::kGray) return {true, 3, {0, 0, 0}};
  if (color == Color::kBgr) return {false, 3, {2, 1, 0}};
  return {false, 3, {0, 1, 2}};
}

}  // namespace

std::vector<Tap> MakeTaps(int source, int target, int offset) {
  std::vector<Tap> taps(static_cast<size_t>(target));
  const int64_t last = int64_t{source - 1} * kOne;
  for (int x = 0; x < target; ++x) {
    const int64_t twice = (int64_t{2} * x + 1) * source * kOne / target - kOne;
    // Rounding a negative number down does not matter: it is clamped to 0.
    const int64_t position = std::clamp<int64_t>(twice / 2, 0, last);
    const int low = static_cast<int>(position >> kShift);
    taps[static_cast<size_t>(x)] = {offset + low, offset + std::min(low + 1, source - 1),
                                    static_cast<int>(position & (kOne - 1))};
  }
  return taps;
}

Placement Place(Resize resize, int source_width, int source_height, int width, int height) {
  Placement placement{{0, 0, source_width, source_height}, {0, 0, width, height}};
  // 64-bit: the products can exceed 32.
  const int64_t W = source_width;
  const int64_t H = source_height;
  const bool wider = W * height > H * width;
  switch (resize) {
    case Resize::kFit:
      break;
    case Resize::kCrop: {
      Area& area = placement.source;
      if (wider) {
        area.width = std::max(1, static_cast<int>(H * width / height));
        area.x = (source_width - area.width) / 2;
      } else {
        area.height = std::max(1, static_cast<int>(W * height / width));
        area.y = (source_height - area.height) / 2;
      }
      break;
    }
    case Resize::kLetterbox: {
      Area& area = placement.target;
      if (wider) {
        area.height = std::max(1, static_cast<int>(H * width / W));
        area.y = (height - area.height) / 2;
      } else {
        area.width = std::max(1, static_cast<int>(W * height / H));
        area.x = (width - area.width) / 2;
      }
      break;
    }
    case Resize::kNone:
      if (source_width != width || source_height != height) {
        throw FrameError("the picture is " + std::to_string(source_width) + "x" +
                         std::to_string(source_height) + ", the model takes " +
                         std::to_string(width) + "x" + std::to_string(height));
      }
      break;
  }
  return placement;
}

int Reduction(const Placement& placement) {
  const Area& from = placement.source;
  const Area& to = placement.target;
  int reduction = 8;
  while (reduction > 1 &&
         (from.width / reduction < to.width || from.height / reduction < to.height)) {
    reduction /= 2;
  }
  return reduction;
}

void StoreValue(double value, const TensorSpec& tensor, uint8_t* out) {
  if (tensor.quantization) {
    const auto& [scale, zero_point] = *tensor.quantization;
    value = value / static_cast<double>(scale) + static_cast<double>(zero_point);
  }
  switch (tensor.type) {
    case ElementType::kFloat32:
      return Store(static_cast<float>(value), out);
    case ElementType::kFloat16:
      return Store(HalfFromDouble(value), out);
    case ElementType::kInt8:
      return StoreInteger<int8_t>(value, out);
    case ElementType::kUint8:
      return StoreInteger<uint8_t>(value, out);
    case ElementType::kInt16:
      return StoreInteger<int16_t>(value, out);
    case ElementType::kInt32:
      return StoreInteger<int32_t>(value, out);
    case ElementType::kInt64:
      return StoreInteger<int64_t>(value, out);
    case ElementType::kBool:
      return Store(static_cast<uint8_t>(std::floor(value + 0.5) >= 1 ? 1 : 0), out);
  }
}

Preprocessor::Preprocessor(const InputConfig& input)
    : config_(input.image.value()), element_size_(ElementSize(input.tensor.type)) {
  table_.resize(static_cast<size_t>(config_.channels) * 256 * element_size_);
  uint8_t* out = table_.data();
  for (int c = 0; c < config_.channels; ++c) {
    const double mean = config_.mean.at(static_cast<size_t>(c));
    const double std = config_.std.at(static_cast<size_t>(c));
    for (int sample = 0; sample < 256; ++sample, out += element_size_) {
      StoreValue((sample - mean) / std, input.tensor, out);
    }
  }
}

int Preprocessor::ReductionOf(int width, int height) const {
  return Reduction(Place(config_.resize, width, height, config_.width, config_.height));
}

void Preprocessor::Decode(const Frame& frame, Image* image) const {
  if (frame.yuv) {
    ConvertYuv(*frame.yuv, frame.bytes, image);
    Average(ReductionOf(image->width, image->height), image);
  } else {
    DecodeImage(frame.bytes, image,
                [this](int width, int height) { return ReductionOf(width, height); });
  }
}

void Preprocessor::UpdateTaps(const Image& image) {
  const Placement placement =
      Place(config_.resize, image.width, image.height, config_.width, config_.height);
  const bool same = placement.source == placement_.source && placement.target == placement_.target;
  if (same && !columns_.empty()) return;
  columns_ = MakeTaps(placement.source.width, placement.target.width, placement.source.x);
  rows_ = MakeTaps(placement.source.height, placement.target.height, placement.source.y);
  placement_ = placement;
}

template <int kBytes>
void Preprocessor::Fill(const Image& image, uint8_t* tensor) const {
  const bool planar = config_.layout == Layout::kNchw;
  const ptrdiff_t plane = ptrdiff_t{config_.width} * config_.height;
  const ptrdiff_t step = planar ? 1 : config_.channels;  // elements between columns
  const ptrdiff_t channel_step = planar ? plane : 1;     // elements between channels
  const Area& area = placement_.target;
  const Sampler sample = MakeSampler(config_.color, image.channels);
  const ptrdiff_t stride = ptrdiff_t{image.width} * image.channels;

  for (int c = 0; c < config_.channels; ++c) {
    const uint8_t* table = table_.data() + ptrdiff_t{c} * 256 * kBytes;
    uint8_t* channel = tensor + c * channel_step * kBytes;
    if (area.width != config_.width || area.height != config_.height) {
      for (ptrdiff_t i = 0; i < plane; ++i) {
        std::memcpy(channel + i * step * kBytes, table, kBytes);  // the border: sample 0
      }
    }
    for (int y = 0; y < area.height; ++y) {
      const Tap& v = rows_[static_cast<size_t>(y)];
      const uint8_t* upper = image.samples.data() + v.low * stride;
      const uint8_t* lower = image.samples.data() + v.high * stride;
      uint8_t* out = channel + (ptrdiff_t{area.y + y} * config_.width + area.x) * step * kBytes;
      for (int x = 0; x < area.width; ++x, out += step * kBytes) {
        const Tap& h = columns_[static_cast<size_t>(x)];
        const int top =
            sample(upper, h.low, c) * (kOne - h.fraction) + sample(upper, h.high, c) * h.fraction;
        const int bottom =
            sample(lower, h.low, c) * (kOne - h.fraction) + sample(lower, h.high, c) * h.fraction;
        // At most 255 * 2^22 + 2^21: fits in 32 bits.
        const int value =
            (top * (kOne - v.fraction) + bottom * v.fraction + (1 << 21)) >> (2 * kShift);
        std::memcpy(out, table + ptrdiff_t{value} * kBytes, kBytes);
      }
    }
  }
}

void Preprocessor::Run(const Image& image, MutableBytes tensor) {
  UpdateTaps(image);
  switch (element_size_) {
    case 1:
      return Fill<1>(image, tensor.data);
    case 2:
      return Fill<2>(image, tensor.data);
    case 4:
      return Fill<4>(image, tensor.data);
    default:
      return Fill<8>(image, tensor.data);
  }
}

}  // namespace edge_infer
