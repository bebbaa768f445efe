#include "runtime/litert_tensors.h"

#include <algorithm>
#include <array>
#include <optional>

#include "error.h"
#include "runtime/litert_handles.h"

namespace edge_infer::litert {
namespace {

std::optional<ElementType> FromLiteRt(LiteRtElementType type) {
  switch (type) {
    case kLiteRtElementTypeFloat32:
      return ElementType::kFloat32;
    case kLiteRtElementTypeFloat16:
      return ElementType::kFloat16;
    case kLiteRtElementTypeInt8:
      return ElementType::kInt8;
    case kLiteRtElementTypeUInt8:
      return ElementType::kUint8;
    case kLiteRtElementTypeInt16:
      return ElementType::kInt16;
    case kLiteRtElementTypeInt32:
      return ElementType::kInt32;
    case kLiteRtElementTypeInt64:
      return ElementType::kInt64;
    case kLiteRtElementTypeBool:
      return ElementType::kBool;
    default:
      return std::nullopt;
  }
}

TensorSpec InspectTensor(LiteRtTensor tensor, const std::string& path) {
  TensorSpec spec;
  const char* name = nullptr;
  Check(LiteRtGetTensorName(tensor, &name), path);
  spec.name = name == nullptr ? "" : name;
  LiteRtTensorTypeId kind = kLiteRtRankedTensorType;
  Check(LiteRtGetTensorTypeId(tensor, &kind), path);
  LiteRtRankedTensorType type{};
  if (kind != kLiteRtRankedTensorType || LiteRtGetRankedTensorType(tensor, &type) != 0) {
    throw ConfigError(path + ": tensor " + spec.name + " has no shape");
  }
  const auto element_type = FromLiteRt(type.element_type);
  if (!element_type) {
    throw ConfigError(path + ": tensor " + spec.name + " has an unsupported type (" +
                      std::to_string(type.element_type) + " in LiteRT)");
  }
  spec.type = *element_type;
  spec.shape.assign(type.layout.dimensions, type.layout.dimensions + type.layout.rank);
  LiteRtQuantizationTypeId quantization = 0;
  LiteRtQuantizationPerTensor values{};
  if (LiteRtGetQuantizationTypeId(tensor, &quantization) == 0 &&
      quantization == kLiteRtQuantizationPerTensor &&
      LiteRtGetPerTensorQuantization(tensor, &values) == 0) {
    spec.quantization = Quantization{values.scale, values.zero_point};
  }
  return spec;
}

}  // namespace

LiteRtRankedTensorType TensorType(const TensorSpec& spec) {
  constexpr std::array<LiteRtElementType, 8> kTypes{
      kLiteRtElementTypeFloat32, kLiteRtElementTypeFloat16, kLiteRtElementTypeInt8,
      kLiteRtElementTypeUInt8,   kLiteRtElementTypeInt16,   kLiteRtElementTypeInt32,
      kLiteRtElementTypeInt64,   kLiteRtElementTypeBool};
  LiteRtRankedTensorType type{};
  type.element_type = kTypes.at(static_cast<size_t>(spec.type));
  type.layout.rank = static_cast<unsigned>(spec.shape.size());
  std::transform(spec.shape.begin(), spec.shape.end(), type.layout.dimensions,
                 [](int64_t dimension) { return static_cast<int32_t>(dimension); });
  return type;
}

void Side::Inspect(LiteRtSignature signature, Count count, InSignature in_signature,
                   InGraph in_graph, const std::string& path) {
  size_t size = 0;
  Check(count(signature, &size), path);
  LiteRtSubgraph graph = nullptr;
  Check(LiteRtGetSignatureSubgraph(signature, &graph), path);
  std::vector<LiteRtTensor> named(size);
  for (size_t i = 0; i < size; ++i) Check(in_signature(signature, i, &named[i]), path);
  for (size_t i = 0; i < size; ++i) {
    LiteRtTensor tensor = nullptr;
    Check(in_graph(graph, i, &tensor), path);
    const auto found = std::find(named.begin(), named.end(), tensor);
    if (found == named.end()) throw ConfigError(path + ": its signature lacks a tensor");
    position.push_back(static_cast<size_t>(found - named.begin()));
    specs.push_back(InspectTensor(tensor, path));
  }
  buffers.assign(size, nullptr);
  memory.resize(size);
}

void Side::Lock(LiteRtTensorBufferLockMode mode) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    void* address = nullptr;
    Check(LiteRtLockTensorBuffer(buffers[position[i]], &address, mode), "cannot map a tensor");
    memory[i].data = static_cast<uint8_t*>(address);
  }
}

void Side::Unlock() {
  for (LiteRtTensorBuffer buffer : buffers) {
    Check(LiteRtUnlockTensorBuffer(buffer), "cannot unmap a tensor");
  }
}

}  // namespace edge_infer::litert
