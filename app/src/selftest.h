#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bytes.h"
#include "config.h"
#include "tensor.h"

namespace edge_infer {

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
