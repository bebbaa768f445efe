#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edge_infer {

enum class ElementType { kFloat32, kFloat16, kInt8, kUint8, kInt16, kInt32, kInt64, kBool };

/// Affine quantization of a whole tensor: real = (integer - zero_point) * scale.
struct Quantization {
  float scale = 0;
  int64_t zero_point = 0;
};

/// What is known of one input or output. Shapes are in the model's own order; a dimension that
/// the model leaves open is -1.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  std::optional<Quantization> quantization;
};

/// The name as the configuration writes it, "float32".
const char* Name(ElementType type);
std::optional<ElementType> ParseElementType(std::string_view name);
size_t ElementSize(ElementType type);
bool IsFloat(ElementType type);

/// Number of elements; the shape must be closed (no -1). 1 for a scalar.
size_t ElementCount(const TensorSpec& spec);
size_t ByteSize(const TensorSpec& spec);

/// "int8 [1, 8, 8, 1]", for messages.
std::string Describe(const TensorSpec& spec);

/// Throws ConfigError at the first disagreement in count, type, shape or quantization between
/// what the configuration says and what the model has. `kind` is "input" or "output".
void CheckTensors(std::string_view kind, const std::vector<TensorSpec>& configured,
                  const std::vector<TensorSpec>& found);

/// A TFLite file may leave an output's shape to the operator that makes it, and an ONNX file any
/// shape; it has none then, as a scalar: the configured one is taken, and to be held against what
/// comes out. Returns whether one was.
bool TakeUntold(const std::vector<TensorSpec>& configured, std::vector<TensorSpec>* found);

/// Where the model leaves a size of an input open, what a TFLite file says of the outputs may be of
/// another size than the configured one (litert-torch writes that of its example): their configured
/// shapes are taken, and to be held against what comes out.
void TakeResized(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& configured,
                 std::vector<TensorSpec>* outputs);

/// IEEE 754 half precision, rounded to nearest even.
uint16_t HalfFromDouble(double value);
double DoubleFromHalf(uint16_t half);

}  // namespace edge_infer
