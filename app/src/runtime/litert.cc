#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "error.h"
#include "runtime/litert_c_api.h"
#include "runtime/runtime.h"

namespace edge_infer {
namespace {

constexpr size_t kSignature = 0;  // the main one; LiteRT makes one for a model that has none

const char* StatusText(LiteRtStatus status) {
  switch (status) {
    case 1:
      return "invalid argument";
    case 2:
      return "out of memory";
    case 3:
      return "runtime failure";
    case 5:
      return "unsupported";
    case 6:
      return "not found";
    case 500:
      return "cannot read the file";
    case 501:
      return "not a valid model file";
    case 504:
      return "the model cannot be compiled";
    default:
      return "error";
  }
}

void Check(LiteRtStatus status, const std::string& what) {
  if (status == 0) return;
  throw ConfigError(what + ": LiteRT: " + StatusText(status) + " (status " +
                    std::to_string(status) + ")");
}

/// Owns one LiteRT object.
template <typename Handle>
class Owned {
 public:
  explicit Owned(void (*destroy)(Handle)) : destroy_(destroy) {}
  Owned(Owned&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), destroy_(other.destroy_) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }

  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }
  Handle release() { return std::exchange(handle_, nullptr); }

 private:
  Handle handle_ = nullptr;
  void (*destroy_)(Handle);
};

/// A file mapped into memory, read-only. Throws ConfigError.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
      const int error = errno;
      if (descriptor >= 0) close(descriptor);
      throw ConfigError(path + ": " + std::strerror(error));
    }
    size_ = static_cast<size_t>(status.st_size);
    if (S_ISREG(status.st_mode) && size_ > 0) {
      data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    close(descriptor);
    if (data_ == MAP_FAILED) throw ConfigError(path + ": not a file that can be mapped");
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { munmap(data_, size_); }

  const void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = MAP_FAILED;
  size_t size_ = 0;
};

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

TensorSpec Inspect(LiteRtTensor tensor, const std::string& path) {
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

/// The inputs or the outputs: LiteRT runs a model in the order of its signature, the configuration
/// is in the order of the graph.
struct Side {
  using Count = LiteRtStatus (*)(LiteRtSignature, size_t*);
  using InSignature = LiteRtStatus (*)(LiteRtSignature, size_t, LiteRtTensor*);
  using InGraph = LiteRtStatus (*)(LiteRtSubgraph, size_t, LiteRtTensor*);

  std::vector<TensorSpec> specs;            // order of the graph, as the model says
  std::vector<size_t> position;             // of each in the signature
  std::vector<LiteRtTensorBuffer> buffers;  // order of the signature
  std::vector<MutableBytes> memory;         // order of the graph; valid while locked

  void Inspect(LiteRtSignature signature, Count count, InSignature in_signature, InGraph in_graph,
               const std::string& path) {
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
      specs.push_back(edge_infer::Inspect(tensor, path));
    }
    buffers.assign(size, nullptr);
    memory.resize(size);
  }

  void Lock(LiteRtTensorBufferLockMode mode) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      void* address = nullptr;
      Check(LiteRtLockTensorBuffer(buffers[position[i]], &address, mode), "cannot map a tensor");
      memory[i].data = static_cast<uint8_t*>(address);
    }
  }

  void Unlock() {
    for (LiteRtTensorBuffer buffer : buffers) {
      Check(LiteRtUnlockTensorBuffer(buffer), "cannot unmap a tensor");
    }
  }
};

Owned<LiteRtEnvironment> CreateEnvironment() {
  // Without the first option LiteRT looks for GPU libraries on each start; with one of them in the
  // library path, Cortex-A35 to A72 abort.
  std::array<LiteRtEnvOption, 2> options{};
  options[0].tag = kLiteRtEnvOptionTagAutoRegisterAccelerators;
  options[0].value.type = kLiteRtAnyTypeInt;
  options[0].value.int_value = kLiteRtHwAcceleratorCpu;
  options[1].tag = kLiteRtEnvOptionTagMinLoggerSeverity;
  options[1].value.type = kLiteRtAnyTypeInt;
  options[1].value.int_value = kLiteRtLogSeverityError;
  Owned<LiteRtEnvironment> environment(LiteRtDestroyEnvironment);
  Check(
      LiteRtCreateEnvironment(static_cast<int>(options.size()), options.data(), environment.out()),
      "cannot start the runtime");
  return environment;
}

Owned<LiteRtOptions> CreateOptions(const LoadOptions& load) {
  Owned<LiteRtOptions> options(LiteRtDestroyOptions);
  Check(LiteRtCreateOptions(options.out()), "cannot make options");
  Check(LiteRtSetOptionsHardwareAccelerators(options.get(), kLiteRtHwAcceleratorCpu),
        "cannot choose the CPU");
  std::string toml = "num_threads = " + std::to_string(load.threads) + "\n";
  if (load.kernels == Kernels::kReference) toml += "kernel_mode = \"reference\"\n";
  Owned<LiteRtOpaqueOptions> opaque(LiteRtDestroyOpaqueOptions);
  char* payload = strdup(toml.c_str());
  const LiteRtStatus status = LiteRtCreateOpaqueOptions("xnnpack", payload, free, opaque.out());
  if (status != 0) free(payload);
  Check(status, "cannot make options");
  Check(LiteRtAddOpaqueOptions(options.get(), opaque.get()), "cannot set threads and kernels");
  opaque.release();
  return options;
}

class LiteRtModelAdapter final : public Model {
 public:
  LiteRtModelAdapter(const std::string& path, const LoadOptions& load)
      : file_(path), environment_(CreateEnvironment()), options_(CreateOptions(load)) {
    Check(LiteRtCreateModelFromBuffer(environment_.get(), file_.data(), file_.size(), model_.out()),
          path);
    LiteRtSignature signature = nullptr;
    Check(LiteRtGetModelSignature(model_.get(), kSignature, &signature), path);
    inputs_.Inspect(signature, LiteRtGetNumSignatureInputs, LiteRtGetSignatureInputTensorByIndex,
                    LiteRtGetSubgraphInput, path);
    outputs_.Inspect(signature, LiteRtGetNumSignatureOutputs, LiteRtGetSignatureOutputTensorByIndex,
                     LiteRtGetSubgraphOutput, path);
    CheckTensors("input", load.inputs, inputs_.specs);
    CheckTensors("output", load.outputs, outputs_.specs);
    Check(LiteRtCreateCompiledModel(environment_.get(), model_.get(), options_.get(),
                                    compiled_.out()),
          path);
    CloseShapes(load);
    CreateBuffers(inputs_, load.inputs, LiteRtGetCompiledModelInputBufferRequirements);
    CreateBuffers(outputs_, load.outputs, LiteRtGetCompiledModelOutputBufferRequirements);
    inputs_.Lock(kLiteRtTensorBufferLockModeWrite);
    outputs_.Lock(kLiteRtTensorBufferLockModeRead);
  }

  MutableBytes Input(size_t i) override { return inputs_.memory[i]; }

  Bytes Output(size_t i) override { return {outputs_.memory[i].data, outputs_.memory[i].size}; }

  void Invoke() override {
    // Buffers are locked between the calls, so that the caller can use their memory in place.
    inputs_.Unlock();
    outputs_.Unlock();
    Check(LiteRtRunCompiledModel(compiled_.get(), kSignature, inputs_.buffers.size(),
                                 inputs_.buffers.data(), outputs_.buffers.size(),
                                 outputs_.buffers.data()),
          "cannot run the model");
    inputs_.Lock(kLiteRtTensorBufferLockModeWrite);
    outputs_.Lock(kLiteRtTensorBufferLockModeRead);
  }

 private:
  /// Gives dimensions that the model leaves open the configured size.
  void CloseShapes(const LoadOptions& load) {
    bool resized = false;
    for (size_t i = 0; i < inputs_.specs.size(); ++i) {
      const auto& shape = inputs_.specs[i].shape;
      if (std::find(shape.begin(), shape.end(), -1) == shape.end()) continue;
      const std::vector<int> dimensions(load.inputs[i].shape.begin(), load.inputs[i].shape.end());
      Check(LiteRtCompiledModelResizeInputTensor(compiled_.get(), kSignature, inputs_.position[i],
                                                 dimensions.data(), dimensions.size()),
            "cannot resize input " + load.inputs[i].name);
      resized = true;
    }
    std::vector<LiteRtLayout> layouts(outputs_.specs.size());
    Check(LiteRtGetCompiledModelOutputTensorLayouts(compiled_.get(), kSignature, layouts.size(),
                                                    layouts.data(), resized),
          "cannot read the shapes of the outputs");
    for (size_t i = 0; i < layouts.size(); ++i) {
      const LiteRtLayout& layout = layouts[outputs_.position[i]];
      outputs_.specs[i].shape.assign(layout.dimensions, layout.dimensions + layout.rank);
    }
    if (resized) CheckTensors("output", load.outputs, outputs_.specs);
  }

  template <typename GetRequirements>
  void CreateBuffers(Side& side, const std::vector<TensorSpec>& specs, GetRequirements get) {
    for (size_t i = 0; i < specs.size(); ++i) {
      const size_t position = side.position[i];
      const std::string what = "cannot make a buffer for " + specs[i].name;
      LiteRtTensorBufferRequirements requirements = nullptr;
      Check(get(compiled_.get(), kSignature, position, &requirements), what);
      const LiteRtRankedTensorType type = TensorType(specs[i]);
      Owned<LiteRtTensorBuffer> buffer(LiteRtDestroyTensorBuffer);
      Check(LiteRtCreateManagedTensorBufferFromRequirements(environment_.get(), &type, requirements,
                                                            buffer.out()),
            what);
      size_t size = 0;
      Check(LiteRtGetTensorBufferPackedSize(buffer.get(), &size), what);
      if (size != ByteSize(specs[i])) throw ConfigError(what + ": its size differs");
      side.memory[i].size = size;
      side.buffers[position] = buffer.get();
      owned_buffers_.push_back(std::move(buffer));
    }
  }

  // Destroyed in the opposite order: buffers first, then the environment, the file last.
  MappedFile file_;
  Owned<LiteRtEnvironment> environment_;
  Owned<LiteRtOptions> options_;
  Owned<LiteRtModel> model_{LiteRtDestroyModel};
  Owned<LiteRtCompiledModel> compiled_{LiteRtDestroyCompiledModel};
  std::vector<Owned<LiteRtTensorBuffer>> owned_buffers_;
  Side inputs_;
  Side outputs_;
};

}  // namespace

const char* RuntimeName() { return "litert"; }

std::string RuntimeVersion() {
  // The library exports no version. Signatures changed between 2.1 and 2.2 under the same names, so
  // calling an older library would crash.
  const bool fits = LiteRtCompiledModelIsNonCpuFullyAccelerated != nullptr &&
                    LiteRtGetCompiledModelOutputTensorLayouts != nullptr &&
                    LiteRtCreateManagedTensorBufferFromRequirements != nullptr &&
                    LiteRtAddOpaqueOptions != nullptr;
  if (!fits) throw ConfigError("libLiteRt.so does not fit: this program needs LiteRT 2.3");
  return "2.3";
}

std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options) {
  RuntimeVersion();
  for (const auto* specs : {&options.inputs, &options.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.shape.size() > kLiteRtMaxRank) {
        throw ConfigError(spec.name + " has more than 8 dimensions");
      }
    }
  }
  return std::make_unique<LiteRtModelAdapter>(path, options);
}

}  // namespace edge_infer
