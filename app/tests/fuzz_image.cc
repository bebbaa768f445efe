#include <cstddef>
#include <cstdint>

#include "error.h"
#include "image.h"
#include "preprocess.h"

/// Any bytes either decode, and can then be resized, or are a FrameError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edge_infer;  // NOLINT(google-build-using-namespace): its only user
  InputConfig input;
  input.image = ImageConfig{};
  input.image->width = 5;
  input.image->height = 3;
  input.image->channels = 3;
  input.image->resize = size % 2 == 0 ? Resize::kCrop : Resize::kLetterbox;
  input.image->std = {1, 1, 1};
  input.tensor.type = ElementType::kUint8;
  input.tensor.shape = {1, 3, 5, 3};
  Preprocessor preprocessor(input);
  Image image;
  try {
    MeasurePnm({data, size});
  } catch (const FrameError&) {
  }
  try {
    DecodeImage({data, size}, &image, [&preprocessor](int width, int height) {
      return preprocessor.ReductionOf(width, height);
    });
  } catch (const FrameError&) {
    return 0;
  }
  uint8_t tensor[45];
  preprocessor.Run(image, {tensor, sizeof tensor});
  return 0;
}
