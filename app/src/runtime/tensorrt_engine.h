#pragma once

#include <NvInfer.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tensor.h"

namespace edge_infer {

/// Keeps the first error that TensorRT tells since Clear(), as one line; the others follow from it.
class TensorRtLogger final : public nvinfer1::ILogger {
 public:
  // TensorRT's builder calls it from threads of its own.
  void log(Severity severity, const char* message) noexcept override;

  void Clear();
  /// ": TensorRT: MESSAGE", or nothing.
  std::string Error();

 private:
  std::mutex mutex_;
  std::string error_;
};

/// Throws ConfigError "WHAT: MESSAGE" for an error of CUDA.
void CheckCuda(int status, const std::string& what);

/// "10.16.2.10", as the library found at run time tells it.
std::string TensorRtVersion();

/// The device's name and compute capability, "Orin 8.7". Throws ConfigError without a GPU.
std::string GpuName();

nvinfer1::Dims ToDims(const std::vector<int64_t>& shape);

/// What TensorRT tells of a tensor. Throws ConfigError for a type that is not ours.
TensorSpec ToSpec(const char* name, nvinfer1::DataType type, const nvinfer1::Dims& dimensions);

/// The tensors in the order of `wanted`, by name; those that it does not name come last.
std::vector<TensorSpec> InOrderOf(const std::vector<TensorSpec>& wanted,
                                  std::vector<TensorSpec> found);

/// The engine of an .onnx model for this device: from the cache, or built, which takes minutes,
/// and kept there. Shapes that the model leaves open are those of `inputs`. Throws ConfigError.
std::unique_ptr<nvinfer1::ICudaEngine> LoadEngine(const std::string& path,
                                                  const std::vector<TensorSpec>& inputs,
                                                  nvinfer1::IRuntime* runtime,
                                                  TensorRtLogger* logger);

}  // namespace edge_infer
