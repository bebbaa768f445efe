#include "postprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "json.h"

namespace edge_infer {
namespace {

template <typename T>
T Load(const uint8_t* in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

template <typename T>
void LoadAll(Bytes bytes, const std::optional<Quantization>& quantization,
             std::vector<double>* values) {
  const double zero_point = quantization ? static_cast<double>(quantization->zero_point) : 0;
  const double scale = quantization ? static_cast<double>(quantization->scale) : 1;
  for (size_t i = 0; i < values->size(); ++i) {
    const auto value = static_cast<double>(Load<T>(bytes.data + i * sizeof(T)));
    (*values)[i] = (value - zero_point) * scale;
  }
}

}  // namespace

void Dequantize(const TensorSpec& tensor, Bytes bytes, std::vector<double>* values) {
  values->resize(ElementCount(tensor));
  switch (tensor.type) {
    case ElementType::kFloat32:
      return LoadAll<float>(bytes, {}, values);
    case ElementType::kFloat16:
      LoadAll<uint16_t>(bytes, {}, values);
      for (double& value : *values) value = DoubleFromHalf(static_cast<uint16_t>(value));
      return;
    case ElementType::kInt8:
      return LoadAll<int8_t>(bytes, tensor.quantization, values);
    case ElementType::kUint8:
    case ElementType::kBool:
      return LoadAll<uint8_t>(bytes, tensor.quantization, values);
    case ElementType::kInt16:
      return LoadAll<int16_t>(bytes, tensor.quantization, values);
    case ElementType::kInt32:
      return LoadAll<int32_t>(bytes, tensor.quantization, values);
    case ElementType::kInt64:
      return LoadAll<int64_t>(bytes, tensor.quantization, values);
  }
}

void Softmax(std::vector<double>* values) {
  if (values->empty()) return;
  const double largest = *std::max_element(values->begin(), values->end());
  double sum = 0;
  for (double& value : *values) sum += value = std::exp(value - largest);
  for (double& value : *values) value /= sum;
}

void TopK(const std::vector<double>& values, size_t count, std::vector<size_t>* indices) {
  indices->resize(values.size());
  std::iota(indices->begin(), indices->end(), size_t{0});
  count = std::min(count, values.size());
  std::partial_sort(indices->begin(), indices->begin() + static_cast<ptrdiff_t>(count),
                    indices->end(), [&values](size_t a, size_t b) {
                      const double x = values[a];
                      const double y = values[b];
                      if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
                      if (x > y || x < y) return x > y;
                      return a < b;
                    });
  indices->resize(count);
}

void Postprocessor::AppendTop(std::string* json) {
  TopK(values_, output_.top_k, &indices_);
  *json += ",\"top\":[";
  for (size_t i = 0; i < indices_.size(); ++i) {
    const size_t index = indices_[i];
    *json += i == 0 ? "{\"index\":" : ",{\"index\":";
    AppendInteger(static_cast<int64_t>(index), json);
    if (!output_.labels.empty()) {
      *json += ",\"label\":";
      AppendString(output_.labels[index], json);
    }
    *json += ",\"score\":";
    AppendNumber(values_[index], json);
    *json += '}';
  }
  *json += ']';
}

void Postprocessor::AppendValues(Bytes tensor, std::string* json) const {
  const TensorSpec& spec = output_.tensor;
  *json += ",\"values\":[";
  for (size_t i = 0; i < values_.size(); ++i) {
    if (i > 0) *json += ',';
    const bool computed = output_.softmax || spec.quantization;
    if (!computed && spec.type == ElementType::kInt64) {
      AppendInteger(Load<int64_t>(tensor.data + i * 8), json);  // a double would lose digits
    } else if (!computed && spec.type == ElementType::kFloat32) {
      AppendNumber(static_cast<float>(values_[i]), json);  // 0.1, not 0.10000000149
    } else {
      AppendNumber(values_[i], json);
    }
  }
  *json += ']';
}

void Postprocessor::AppendJson(Bytes tensor, std::string* json) {
  Dequantize(output_.tensor, tensor, &values_);
  if (output_.softmax) Softmax(&values_);
  *json += "{\"name\":";
  AppendString(output_.tensor.name, json);
  if (output_.top_k > 0) {
    AppendTop(json);
  } else {
    AppendValues(tensor, json);
  }
  *json += '}';
}

}  // namespace edge_infer
