#include "tensor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "error.h"

namespace edge_infer {
namespace {

struct TypeInfo {
  ElementType type;
  const char* name;
  size_t size;
};

constexpr std::array<TypeInfo, 8> kTypes{{
    {ElementType::kFloat32, "float32", 4},
    {ElementType::kFloat16, "float16", 2},
    {ElementType::kInt8, "int8", 1},
    {ElementType::kUint8, "uint8", 1},
    {ElementType::kInt16, "int16", 2},
    {ElementType::kInt32, "int32", 4},
    {ElementType::kInt64, "int64", 8},
    {ElementType::kBool, "bool", 1},
}};

const TypeInfo& Info(ElementType type) { return kTypes.at(static_cast<size_t>(type)); }

bool SameShape(const std::vector<int64_t>& configured, const std::vector<int64_t>& found) {
  return std::equal(configured.begin(), configured.end(), found.begin(), found.end(),
                    [](int64_t c, int64_t f) { return f < 0 || c == f; });
}

}  // namespace

const char* Name(ElementType type) { return Info(type).name; }

std::optional<ElementType> ParseElementType(std::string_view name) {
  for (const TypeInfo& info : kTypes) {
    if (name == info.name) return info.type;
  }
  return std::nullopt;
}

size_t ElementSize(ElementType type) { return Info(type).size; }

bool IsFloat(ElementType type) {
  return type == ElementType::kFloat32 || type == ElementType::kFloat16;
}

size_t ElementCount(const TensorSpec& spec) {
  size_t count = 1;
  for (int64_t dimension : spec.shape) count *= static_cast<size_t>(dimension);
  return count;
}

size_t ByteSize(const TensorSpec& spec) { return ElementCount(spec) * ElementSize(spec.type); }

std::string Describe(const TensorSpec& spec) {
  std::string text = std::string(Name(spec.type)) + " [";
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += spec.shape[i] < 0 ? "?" : std::to_string(spec.shape[i]);
  }
  return text + "]";
}

void CheckTensors(std::string_view kind, const std::vector<TensorSpec>& configured,
                  const std::vector<TensorSpec>& found) {
  if (configured.size() != found.size()) {
    throw ConfigError("the configuration has " + std::to_string(configured.size()) + " " +
                      std::string(kind) + "s, the model " + std::to_string(found.size()));
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const TensorSpec& c = configured[i];
    const TensorSpec& f = found[i];
    const std::string where = std::string(kind) + " " + std::to_string(i) + " (" + c.name + ")";
    if (c.type != f.type || !SameShape(c.shape, f.shape)) {
      throw ConfigError(where + " is " + Describe(c) + " in the configuration, " + Describe(f) +
                        " in the model");
    }
    // A runtime that does not tell the quantization leaves it empty.
    if (c.quantization && f.quantization &&
        (c.quantization->scale != f.quantization->scale ||
         c.quantization->zero_point != f.quantization->zero_point)) {
      throw ConfigError(where + " has another scale or zero point in the model: " +
                        std::to_string(f.quantization->scale) + ", " +
                        std::to_string(f.quantization->zero_point));
    }
  }
}

bool TakeUntold(const std::vector<TensorSpec>& configured, std::vector<TensorSpec>* found) {
  bool untold = false;
  for (size_t i = 0; i < std::min(configured.size(), found->size()); ++i) {
    auto& shape = (*found)[i].shape;
    if (!shape.empty() || configured[i].shape.empty()) continue;
    shape = configured[i].shape;
    untold = true;
  }
  return untold;
}

void TakeResized(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& configured,
                 std::vector<TensorSpec>* outputs) {
  const bool open = std::any_of(inputs.begin(), inputs.end(), [](const TensorSpec& spec) {
    return std::find(spec.shape.begin(), spec.shape.end(), -1) != spec.shape.end();
  });
  if (!open) return;
  for (size_t i = 0; i < std::min(configured.size(), outputs->size()); ++i) {
    (*outputs)[i].shape = configured[i].shape;
  }
}

uint16_t HalfFromDouble(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7e00;
  const double magnitude = std::fabs(value);
  if (magnitude >= 65520.0) return sign | 0x7c00;  // halfway to the first value out of range
  if (magnitude == 0) return sign;
  int exponent = std::max(std::ilogb(magnitude), -14);  // below 2^-14 halves are subnormal
  // The step between neighbours is 2^(exponent - 10); nearbyint rounds half to even.
  const auto mantissa = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  // A carry out of the mantissa correctly goes into the exponent.
  const uint32_t bits = (static_cast<uint32_t>(exponent + 14) << 10) + mantissa;
  return static_cast<uint16_t>(sign | bits);
}

double DoubleFromHalf(uint16_t half) {
  const int exponent = (half >> 10) & 0x1f;
  const int mantissa = half & 0x3ff;
  double magnitude;
  if (exponent == 0x1f) {
    magnitude = mantissa ? NAN : INFINITY;
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (half & 0x8000) ? -magnitude : magnitude;
}

}  // namespace edge_infer
