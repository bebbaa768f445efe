#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bytes.h"
#include "config.h"
#include "tensor.h"

namespace edge_infer {

struct LoadOptions {
  int threads = 1;
  Kernels kernels = Kernels::kDefault;
  std::optional<DelegateConfig> delegate;  ///< only where TakesDelegates()
  std::vector<TensorSpec> inputs;          ///< as configured, closed shapes, in the model's order
  std::vector<TensorSpec> outputs;         ///< as configured, closed shapes, in the model's order
};

/// How much of a model runs on the delegate.
struct DelegatedNodes {
  size_t taken = 0;
  size_t all = 0;  ///< of the model
};

/// A loaded model with its buffers: nothing is allocated for a frame.
class Model {
 public:
  virtual ~Model() = default;

  /// Memory of input `i`, ByteSize() of its tensor long, to be filled before Invoke().
  /// Addresses stay the same for the life of the model; contents may be lost in Invoke().
  virtual MutableBytes Input(size_t i) = 0;

  /// Memory of output `i`, ByteSize() of its tensor long, valid until the next Invoke().
  virtual Bytes Output(size_t i) = 0;

  /// Runs the model once. Throws ConfigError when the runtime refuses.
  virtual void Invoke() = 0;

  /// None without a delegate.
  virtual std::optional<DelegatedNodes> Delegated() const { return std::nullopt; }
};

/// The adapter compiled into this program is one of the files beside this one. Each defines:

/// "litert", "onnxruntime", "tensorrt", "tflite".
const char* RuntimeName();

/// As the library found at run time tells it. Throws ConfigError when the library does not fit the
/// declarations that this program was compiled with.
std::string RuntimeVersion();

/// Whether LoadModel() heeds a delegate.
bool TakesDelegates();

/// Loads a model and checks it against the configured tensors. Everything wrong with the model, the
/// library or the options is a ConfigError of one line.
std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options);

}  // namespace edge_infer
