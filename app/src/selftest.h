#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bytes.h"
#include "tensor.h"

namespace edge_infer {

/// How far an output may be from what is expected: integers by `lsb`, floats by
/// `absolute + relative * max |expected|`.
struct Tolerance {
  double lsb = 0;
  double absolute = 0;
  double relative = 0;
};

/// Expected outputs of a folder: tolerance.json, and <frame>.<i>.bin as --raw-output writes them.
class Selftest {
 public:
  /// Reads the tolerances of `outputs`. Throws ConfigError.
  Selftest(std::string folder, const std::vector<TensorSpec>& outputs);

  /// What is wrong with output `i` of the frame; empty when it is right.
  std::string Compare(const std::string& frame, size_t i, Bytes output) const;

 private:
  std::string folder_;
  std::vector<TensorSpec> outputs_;
  std::vector<Tolerance> tolerances_;
};

}  // namespace edge_infer
