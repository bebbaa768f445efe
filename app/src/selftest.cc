#include "selftest.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "config.h"
#include "file.h"
#include "json.h"
#include "postprocess.h"

namespace edge_infer {
namespace {

constexpr size_t kLargest = size_t{1} << 30;

/// The values as they are stored: integers stay integers.
std::vector<double> Values(TensorSpec spec, Bytes bytes) {
  spec.quantization.reset();
  std::vector<double> values;
  Dequantize(spec, bytes, &values);
  return values;
}

double Allowed(const TensorSpec& spec, const Tolerance& tolerance,
               const std::vector<double>& expected) {
  if (!IsFloat(spec.type)) return tolerance.lsb;
  double largest = 0;
  for (const double value : expected) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  return tolerance.absolute + tolerance.relative * largest;
}

}  // namespace

Selftest::Selftest(std::string folder, const std::vector<TensorSpec>& outputs)
    : folder_(std::move(folder)),
      outputs_(outputs),
      tolerances_(LoadTolerances(folder_ + "/tolerance.json", outputs.size())) {}

std::string Selftest::Compare(const std::string& frame, size_t i, Bytes output) const {
  const std::string name = frame + "." + std::to_string(i) + ".bin";
  std::string text;
  if (const int error = ReadFile(folder_ + "/" + name, kLargest, &text)) {
    return name + ": " + std::strerror(error);
  }
  if (text.size() != output.size) {
    return name + ": has " + std::to_string(text.size()) + " bytes, the output " +
           std::to_string(output.size);
  }
  const Bytes bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  if (std::memcmp(bytes.data, output.data, output.size) == 0) return "";
  const std::vector<double> expected = Values(outputs_[i], bytes);
  const std::vector<double> found = Values(outputs_[i], output);
  const double allowed = Allowed(outputs_[i], tolerances_[i], expected);
  for (size_t k = 0; k < expected.size(); ++k) {
    const bool both_nan = std::isnan(expected[k]) && std::isnan(found[k]);
    const bool equal = !(expected[k] < found[k]) && !(expected[k] > found[k]);
    if (both_nan || (equal && !std::isnan(expected[k]) && !std::isnan(found[k]))) continue;
    if (std::fabs(found[k] - expected[k]) <= allowed) continue;
    std::string what = name + ": value " + std::to_string(k) + " is ";
    AppendNumber(found[k], &what);
    what += ", expected ";
    AppendNumber(expected[k], &what);
    return what;
  }
  return "";
}

}  // namespace edge_infer
