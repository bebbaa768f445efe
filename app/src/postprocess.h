#pragma once

#include <string>
#include <vector>

#include "bytes.h"
#include "config.h"

namespace edge_infer {

/// The tensor's elements as real numbers, (integer - zero_point) * scale for a quantized one.
/// `values` is resized to the number of elements and keeps its capacity.
void Dequantize(const TensorSpec& tensor, Bytes bytes, std::vector<double>* values);

/// In place, over all values.
void Softmax(std::vector<double>* values);

/// Indices of the `count` largest values, largest first; the lower index first among equals, NaN
/// last. `indices` keeps its capacity.
void TopK(const std::vector<double>& values, size_t count, std::vector<size_t>* indices);

/// Turns an output tensor into JSON: {"name":"scores","top":[...]} or {...,"values":[...]}.
class Postprocessor {
 public:
  explicit Postprocessor(OutputConfig output) : output_(std::move(output)) {}

  void AppendJson(Bytes tensor, std::string* json);

 private:
  void AppendTop(std::string* json);
  void AppendValues(Bytes tensor, std::string* json) const;

  OutputConfig output_;
  std::vector<double> values_;
  std::vector<size_t> indices_;
};

}  // namespace edge_infer
