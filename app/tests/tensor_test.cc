#include "tensor.h"

#include <doctest/doctest.h>

#include <cmath>

#include "error.h"

namespace edge_infer {
namespace {

TEST_CASE("half precision") {
  CHECK(HalfFromDouble(1) == 0x3c00);
  CHECK(HalfFromDouble(-2) == 0xc000);
  CHECK(HalfFromDouble(65504) == 0x7bff);
  CHECK(HalfFromDouble(65519.9) == 0x7bff);
  CHECK(HalfFromDouble(65520) == 0x7c00);
  CHECK(HalfFromDouble(0.1) == 0x2e66);
  CHECK(HalfFromDouble(std::ldexp(1, -24)) == 1);
  CHECK(HalfFromDouble(std::ldexp(1, -25)) == 0);  // half to even
  CHECK(HalfFromDouble(-0.0) == 0x8000);
  for (int half = 0; half < 0x10000; ++half) {
    const double value = DoubleFromHalf(static_cast<uint16_t>(half));
    if (!std::isnan(value)) CHECK(HalfFromDouble(value) == half);
  }
}

TEST_CASE("the model's tensors against the configured ones") {
  TensorSpec spec;
  spec.name = "a";
  spec.type = ElementType::kInt8;
  spec.shape = {1, 2};
  spec.quantization = Quantization{0.5f, 1};
  CHECK_NOTHROW(CheckTensors("input", {spec}, {spec}));
  TensorSpec other = spec;
  other.shape = {-1, 2};
  other.quantization.reset();
  CHECK_NOTHROW(CheckTensors("input", {spec}, {other}));
  CHECK_THROWS_WITH_AS(CheckTensors("input", {spec}, {}),
                       "the configuration has 1 inputs, the model 0", ConfigError);
  other.shape = {1, 3};
  CHECK_THROWS_WITH_AS(CheckTensors("input", {spec}, {other}),
                       "input 0 (a) is int8 [1, 2] in the configuration, int8 [1, 3] in the model",
                       ConfigError);
  other = spec;
  other.quantization->scale = 0.25f;
  CHECK_THROWS_AS(CheckTensors("input", {spec}, {other}), ConfigError);
}

}  // namespace
}  // namespace edge_infer
