#include "preprocess.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "error.h"

namespace edge_infer {
namespace {

InputConfig MakeInput(Color color, Layout layout, Resize resize, int width, int height) {
  InputConfig input;
  ImageConfig image;
  image.color = color;
  image.layout = layout;
  image.resize = resize;
  image.width = width;
  image.height = height;
  image.channels = color == Color::kGray ? 1 : 3;
  image.std = {1, 1, 1};
  input.image = image;
  input.tensor.type = ElementType::kUint8;
  input.tensor.shape = {1, height, width, image.channels};
  return input;
}

std::vector<uint8_t> Run(const InputConfig& input, const Image& image) {
  std::vector<uint8_t> tensor(ByteSize(input.tensor));
  Preprocessor(input).Run(image, {tensor.data(), tensor.size()});
  return tensor;
}

/// The contract's formula, word for word, for one gray sample.
int Formula(const Image& image, int w, int h, int x, int y) {
  const auto axis = [](int64_t target, int64_t source, int64_t at, int64_t* f) {
    const auto floor_div = [](int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); };
    int64_t pos = floor_div(floor_div((2 * at + 1) * source * 2048, target) - 2048, 2);
    pos = std::clamp<int64_t>(pos, 0, (source - 1) * 2048);
    *f = pos & 2047;
    return pos >> 11;
  };
  int64_t fx = 0;
  int64_t fy = 0;
  const int64_t x0 = axis(w, image.width, x, &fx);
  const int64_t y0 = axis(h, image.height, y, &fy);
  const auto at = [&image](int64_t column, int64_t row) -> int64_t {
    column = std::min<int64_t>(column, image.width - 1);
    row = std::min<int64_t>(row, image.height - 1);
    return image.samples[static_cast<size_t>(row * image.width + column)];
  };
  const int64_t sum = at(x0, y0) * (2048 - fx) * (2048 - fy) + at(x0 + 1, y0) * fx * (2048 - fy) +
                      at(x0, y0 + 1) * (2048 - fx) * fy + at(x0 + 1, y0 + 1) * fx * fy;
  return static_cast<int>((sum + (1 << 21)) >> 22);
}

Image Noise(int width, int height, int channels) {
  Image image;
  image.Resize(static_cast<size_t>(width), static_cast<size_t>(height), channels);
  uint32_t state = 1;
  for (uint8_t& sample : image.samples) {
    state = state * 1664525 + 1013904223;
    sample = static_cast<uint8_t>(state >> 24);
  }
  return image;
}

TEST_CASE("resizing follows the formula") {
  for (const auto& [W, H, w, h] : std::vector<std::array<int, 4>>{
           {8, 8, 8, 8}, {17, 5, 8, 8}, {3, 2, 16, 9}, {1, 1, 4, 4}, {640, 480, 7, 5}}) {
    const Image image = Noise(W, H, 1);
    const auto tensor = Run(MakeInput(Color::kGray, Layout::kNhwc, Resize::kFit, w, h), image);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        REQUIRE(tensor[static_cast<size_t>(y * w + x)] == Formula(image, w, h, x, y));
      }
    }
  }
}

TEST_CASE("crop and letterbox") {
  Placement place = Place(Resize::kCrop, 640, 480, 96, 96);
  CHECK(place.source == Area{80, 0, 480, 480});
  place = Place(Resize::kCrop, 3, 1000, 96, 1);
  CHECK(place.source == Area{0, 499, 3, 1});
  place = Place(Resize::kLetterbox, 640, 480, 96, 96);
  CHECK(place.target == Area{0, 12, 96, 72});
  place = Place(Resize::kLetterbox, 1, 1000, 96, 96);
  CHECK(place.target == Area{47, 0, 1, 96});
  CHECK_THROWS_AS(Place(Resize::kNone, 8, 8, 8, 9), FrameError);
}

TEST_CASE("how much smaller a picture is made before the resize") {
  const auto reduction = [](Resize resize, int width, int height, int w, int h) {
    return Preprocessor(MakeInput(Color::kGray, Layout::kNhwc, resize, w, h))
        .ReductionOf(width, height);
  };
  CHECK(reduction(Resize::kFit, 1920, 1080, 224, 224) == 4);
  CHECK(reduction(Resize::kCrop, 1920, 1080, 224, 224) == 4);
  CHECK(reduction(Resize::kLetterbox, 1920, 1080, 224, 224) == 8);
  CHECK(reduction(Resize::kFit, 447, 448, 224, 224) == 1);
  CHECK(reduction(Resize::kFit, 448, 449, 224, 224) == 2);
  CHECK(reduction(Resize::kFit, 65500, 65500, 1, 1) == 8);
  CHECK(reduction(Resize::kFit, 3, 3, 224, 224) == 1);
  CHECK(reduction(Resize::kLetterbox, 100, 9, 10, 10) == 8);
  CHECK(reduction(Resize::kNone, 224, 224, 224, 224) == 1);
  CHECK_THROWS_AS(reduction(Resize::kNone, 448, 448, 224, 224), FrameError);
}

TEST_CASE("a letterbox has a border of 0, also for the second picture") {
  Preprocessor preprocessor(MakeInput(Color::kGray, Layout::kNhwc, Resize::kLetterbox, 4, 4));
  std::vector<uint8_t> tensor(16, 77);
  preprocessor.Run(Noise(4, 4, 1), {tensor.data(), tensor.size()});
  Image wide;
  wide.Resize(8, 4, 1);
  std::fill(wide.samples.begin(), wide.samples.end(), 9);
  preprocessor.Run(wide, {tensor.data(), tensor.size()});
  CHECK(tensor == std::vector<uint8_t>{0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0});
}

TEST_CASE("colours and layouts") {
  Image image;
  image.Resize(2, 1, 3);
  image.samples = {10, 20, 30, 200, 100, 50};
  const auto run = [&image](Color color, Layout layout) {
    return Run(MakeInput(color, layout, Resize::kNone, 2, 1), image);
  };
  CHECK(run(Color::kRgb, Layout::kNhwc) == std::vector<uint8_t>{10, 20, 30, 200, 100, 50});
  CHECK(run(Color::kBgr, Layout::kNhwc) == std::vector<uint8_t>{30, 20, 10, 50, 100, 200});
  CHECK(run(Color::kRgb, Layout::kNchw) == std::vector<uint8_t>{10, 200, 20, 100, 30, 50});
  CHECK(run(Color::kGray, Layout::kNhwc) ==
        std::vector<uint8_t>{(77 * 10 + 150 * 20 + 29 * 30 + 128) >> 8,
                             (77 * 200 + 150 * 100 + 29 * 50 + 128) >> 8});
}

TEST_CASE("types: rounding and clamping") {
  TensorSpec tensor;
  tensor.type = ElementType::kInt8;
  const auto store = [&tensor](double value) {
    uint8_t bytes[8] = {};
    StoreValue(value, tensor, bytes);
    return static_cast<int>(static_cast<int8_t>(bytes[0]));
  };
  CHECK(store(0.5) == 1);
  CHECK(store(-0.5) == 0);
  CHECK(store(-1.5) == -1);
  CHECK(store(1e9) == 127);
  CHECK(store(-1e9) == -128);
  tensor.quantization = Quantization{0.5f, 3};
  CHECK(store(1) == 5);
  tensor.type = ElementType::kInt64;
  tensor.quantization.reset();
  int64_t large = 0;
  StoreValue(1e30, tensor, reinterpret_cast<uint8_t*>(&large));
  CHECK(large == INT64_MAX);
  tensor.type = ElementType::kFloat32;
  float real = 0;
  StoreValue(0.1, tensor, reinterpret_cast<uint8_t*>(&real));
  CHECK(real == 0.1f);
}

}  // namespace
}  // namespace edge_infer
