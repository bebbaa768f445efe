// TensorRT 10: headers and library are those of the image's layer (NvInfer.h, NvOnnxParser.h).

#include <NvInfer.h>
#include <cuda_runtime_api.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"
#include "runtime/runtime.h"
#include "runtime/tensorrt_engine.h"

namespace edge_infer {
namespace {

/// A tensor here and on the GPU.
class Buffer {
 public:
  explicit Buffer(const TensorSpec& spec) : name_(spec.name), size_(ByteSize(spec)) {
    const std::string what = "no memory for " + Describe(spec) + " " + spec.name;
    // Memory that is not paged out: it is copied without a stop.
    CheckCuda(cudaMallocHost(&host_, size_), what);
    const cudaError_t status = cudaMalloc(&device_, size_);
    if (status != cudaSuccess) cudaFreeHost(host_);
    CheckCuda(status, what);
    std::memset(host_, 0, size_);
  }
  Buffer(Buffer&& other) noexcept
      : name_(std::move(other.name_)),
        size_(other.size_),
        host_(std::exchange(other.host_, nullptr)),
        device_(std::exchange(other.device_, nullptr)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() {
    cudaFree(device_);
    cudaFreeHost(host_);
  }

  void Bind(nvinfer1::IExecutionContext* context) const {
    if (!context->setTensorAddress(name_.c_str(), device_)) {
      throw ConfigError("TensorRT does not take the memory of " + name_);
    }
  }
  void ToGpu(cudaStream_t stream) const {
    CheckCuda(cudaMemcpyAsync(device_, host_, size_, cudaMemcpyHostToDevice, stream), name_);
  }
  void FromGpu(cudaStream_t stream) const {
    CheckCuda(cudaMemcpyAsync(host_, device_, size_, cudaMemcpyDeviceToHost, stream), name_);
  }
  MutableBytes Host() const { return {static_cast<uint8_t*>(host_), size_}; }

 private:
  std::string name_;
  size_t size_;
  void* host_ = nullptr;
  void* device_ = nullptr;
};

class Stream {
 public:
  Stream() { CheckCuda(cudaStreamCreate(&stream_), "cannot make a stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }

  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

std::vector<TensorSpec> SpecsOf(const nvinfer1::ICudaEngine& engine, nvinfer1::TensorIOMode mode) {
  std::vector<TensorSpec> specs;
  for (int32_t i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* const name = engine.getIOTensorName(i);
    if (engine.getTensorIOMode(name) != mode) continue;
    specs.push_back(ToSpec(name, engine.getTensorDataType(name), engine.getTensorShape(name)));
  }
  return specs;
}

class TensorRtModel final : public Model {
 public:
  TensorRtModel(const std::string& path, const LoadOptions& load)
      : runtime_(nvinfer1::createInferRuntime(logger_)) {
    if (!runtime_) throw ConfigError("TensorRT cannot start" + logger_.Error());
    engine_ = LoadEngine(path, load.inputs, runtime_.get(), &logger_);
    const auto check = [&](const char* kind, const std::vector<TensorSpec>& configured,
                           nvinfer1::TensorIOMode mode) {
      CheckTensors(kind, configured, InOrderOf(configured, SpecsOf(*engine_, mode)));
    };
    check("input", load.inputs, nvinfer1::TensorIOMode::kINPUT);
    check("output", load.outputs, nvinfer1::TensorIOMode::kOUTPUT);
    logger_.Clear();
    context_.reset(engine_->createExecutionContext());
    if (!context_) throw ConfigError(path + ": no memory for its engine" + logger_.Error());
    Allocate(load.inputs, &inputs_);
    Allocate(load.outputs, &outputs_);
  }

  MutableBytes Input(size_t i) override { return inputs_[i].Host(); }

  Bytes Output(size_t i) override {
    const MutableBytes bytes = outputs_[i].Host();
    return {bytes.data, bytes.size};
  }

  void Invoke() override {
    for (const Buffer& input : inputs_) input.ToGpu(stream_.get());
    logger_.Clear();
    if (!context_->enqueueV3(stream_.get())) {
      throw ConfigError("cannot run the model" + logger_.Error());
    }
    for (const Buffer& output : outputs_) output.FromGpu(stream_.get());
    CheckCuda(cudaStreamSynchronize(stream_.get()), "cannot run the model");
  }

 private:
  void Allocate(const std::vector<TensorSpec>& specs, std::vector<Buffer>* buffers) {
    for (const TensorSpec& spec : specs) {
      buffers->emplace_back(spec);
      buffers->back().Bind(context_.get());
    }
  }

  TensorRtLogger logger_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  Stream stream_;
  std::vector<Buffer> inputs_;
  std::vector<Buffer> outputs_;
};

}  // namespace

const char* RuntimeName() { return "tensorrt"; }

std::string RuntimeVersion() {
  const int32_t major = getInferLibMajorVersion();
  if (major != NV_TENSORRT_MAJOR || getInferLibMinorVersion() < NV_TENSORRT_MINOR) {
    throw ConfigError("libnvinfer is version " + TensorRtVersion() + ": this program needs " +
                      std::to_string(NV_TENSORRT_MAJOR) + "." + std::to_string(NV_TENSORRT_MINOR) +
                      " or newer, below " + std::to_string(NV_TENSORRT_MAJOR + 1));
  }
  return TensorRtVersion();
}

bool TakesDelegates() { return false; }

std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options) {
  if (options.kernels == Kernels::kReference) {
    throw ConfigError("kernels: TensorRT has no reference kernels; use default");
  }
  RuntimeVersion();
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) throw ConfigError(path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw ConfigError(path + ": not a file");
  // Before TensorRT, which tells it in many lines.
  GpuName();
  return std::make_unique<TensorRtModel>(path, options);
}

}  // namespace edge_infer
