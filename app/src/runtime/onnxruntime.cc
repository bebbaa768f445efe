#include <onnxruntime_c_api.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "error.h"
#include "runtime/runtime.h"

namespace edge_infer {
namespace {

// Functions are only ever added to OrtApi, and all that is used here is older than this.
constexpr uint32_t kOldestApi = 11;

std::string LibraryVersion() { return OrtGetApiBase()->GetVersionString(); }

/// The newest table that both the header and the library know. "1.21.0" has API version 21; asking
/// for more than that returns null and prints a complaint.
const OrtApi* Api() {
  static const OrtApi* const api = [] {
    const std::string version = LibraryVersion();
    uint32_t minor = 0;
    const size_t dot = version.find('.');
    if (version.compare(0, 2, "1.") == 0) {
      std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
    }
    const OrtApi* found = nullptr;
    if (minor >= kOldestApi) {
      found = OrtGetApiBase()->GetApi(std::min<uint32_t>(minor, ORT_API_VERSION));
    }
    if (found == nullptr) {
      throw ConfigError("libonnxruntime is version " + version + ": this program needs 1." +
                        std::to_string(kOldestApi) + " or newer");
    }
    return found;
  }();
  return api;
}

void Check(OrtStatus* status, const std::string& what) {
  if (status == nullptr) return;
  std::string message = what + ": ONNX Runtime: " + Api()->GetErrorMessage(status);
  Api()->ReleaseStatus(status);
  // Some go on for lines, with a stack trace.
  throw ConfigError(message.substr(0, message.find('\n')));
}

/// Owns one object of ONNX Runtime.
template <typename T>
class Owned {
 public:
  explicit Owned(void (*release)(T*)) : release_(release) {}
  Owned(Owned&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), release_(other.release_) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (object_ != nullptr) release_(object_);
  }

  T* get() const { return object_; }
  T** out() { return &object_; }

 private:
  T* object_ = nullptr;
  void (*release_)(T*);
};

struct TypePair {
  ElementType ours;
  ONNXTensorElementDataType theirs;
};

constexpr std::array<TypePair, 8> kTypes{{
    {ElementType::kFloat32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {ElementType::kFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {ElementType::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {ElementType::kUint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {ElementType::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {ElementType::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {ElementType::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {ElementType::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
}};

/// The inputs or the outputs of a session.
struct Side {
  std::vector<TensorSpec> specs;
  std::vector<const char*> names;  // into specs
  std::vector<Owned<OrtValue>> owned;
  std::vector<OrtValue*> values;
  std::vector<MutableBytes> memory;

  /// `count`, `name` and `type` are the functions of OrtApi for inputs or for outputs.
  template <typename Count, typename GetName, typename GetType>
  void Inspect(const OrtSession* session, Count count, GetName name, GetType type,
               const std::string& path) {
    OrtAllocator* allocator = nullptr;
    Check(Api()->GetAllocatorWithDefaultOptions(&allocator), path);
    size_t size = 0;
    Check(count(session, &size), path);
    specs.resize(size);
    for (size_t i = 0; i < size; ++i) {
      char* text = nullptr;
      Check(name(session, i, allocator, &text), path);
      specs[i].name = text;
      Check(Api()->AllocatorFree(allocator, text), path);
      Owned<OrtTypeInfo> info(Api()->ReleaseTypeInfo);
      Check(type(session, i, info.out()), path);
      InspectType(info.get(), path, &specs[i]);
    }
    for (const TensorSpec& spec : specs) names.push_back(spec.name.c_str());
  }

  static void InspectType(const OrtTypeInfo* info, const std::string& path, TensorSpec* spec) {
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;
    Check(Api()->CastTypeInfoToTensorInfo(info, &tensor), path);
    if (tensor == nullptr) throw ConfigError(path + ": " + spec->name + " is not a tensor");
    ONNXTensorElementDataType theirs = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    Check(Api()->GetTensorElementType(tensor, &theirs), path);
    const auto* const found = std::find_if(
        kTypes.begin(), kTypes.end(), [theirs](TypePair pair) { return pair.theirs == theirs; });
    if (found == kTypes.end()) {
      throw ConfigError(path + ": tensor " + spec->name + " has an unsupported type (" +
                        std::to_string(theirs) + " in ONNX Runtime)");
    }
    spec->type = found->ours;
    size_t rank = 0;
    Check(Api()->GetDimensionsCount(tensor, &rank), path);
    spec->shape.resize(rank);
    Check(Api()->GetDimensions(tensor, spec->shape.data(), rank), path);
  }

  /// Makes the tensors with the configured, closed shapes; their memory is ONNX Runtime's.
  void Allocate(const std::vector<TensorSpec>& configured) {
    OrtAllocator* allocator = nullptr;
    Check(Api()->GetAllocatorWithDefaultOptions(&allocator), "cannot make buffers");
    for (const TensorSpec& spec : configured) {
      Owned<OrtValue> value(Api()->ReleaseValue);
      Check(Api()->CreateTensorAsOrtValue(allocator, spec.shape.data(), spec.shape.size(),
                                          kTypes.at(static_cast<size_t>(spec.type)).theirs,
                                          value.out()),
            "cannot make a buffer for " + spec.name);
      void* data = nullptr;
      Check(Api()->GetTensorMutableData(value.get(), &data), "cannot map " + spec.name);
      std::memset(data, 0, ByteSize(spec));
      memory.push_back({static_cast<uint8_t*>(data), ByteSize(spec)});
      values.push_back(value.get());
      owned.push_back(std::move(value));
    }
  }
};

class OrtModelAdapter final : public Model {
 public:
  OrtModelAdapter(const std::string& path, const LoadOptions& load) {
    Check(Api()->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "edge-infer", environment_.out()),
          "cannot start the runtime");
    Check(Api()->DisableTelemetryEvents(environment_.get()), "cannot turn telemetry off");
    Owned<OrtSessionOptions> options(Api()->ReleaseSessionOptions);
    Check(Api()->CreateSessionOptions(options.out()), "cannot make options");
    Check(Api()->SetIntraOpNumThreads(options.get(), load.threads), "cannot set threads");
    Check(Api()->SetInterOpNumThreads(options.get(), 1), "cannot set threads");
    Check(Api()->CreateSession(environment_.get(), path.c_str(), options.get(), session_.out()),
          path);
    inputs_.Inspect(session_.get(), Api()->SessionGetInputCount, Api()->SessionGetInputName,
                    Api()->SessionGetInputTypeInfo, path);
    outputs_.Inspect(session_.get(), Api()->SessionGetOutputCount, Api()->SessionGetOutputName,
                     Api()->SessionGetOutputTypeInfo, path);
    // Of a tensor without a shape ONNX Runtime says what it says of a scalar.
    TakeUntold(load.inputs, &inputs_.specs);
    TakeUntold(load.outputs, &outputs_.specs);
    CheckTensors("input", load.inputs, inputs_.specs);
    CheckTensors("output", load.outputs, outputs_.specs);
    inputs_.Allocate(load.inputs);
    outputs_.Allocate(load.outputs);
  }

  MutableBytes Input(size_t i) override { return inputs_.memory[i]; }

  Bytes Output(size_t i) override { return {outputs_.memory[i].data, outputs_.memory[i].size}; }

  void Invoke() override {
    Check(Api()->Run(session_.get(), nullptr, inputs_.names.data(), inputs_.values.data(),
                     inputs_.values.size(), outputs_.names.data(), outputs_.names.size(),
                     outputs_.values.data()),
          "cannot run the model");
  }

 private:
  Owned<OrtEnv> environment_{Api()->ReleaseEnv};
  Owned<OrtSession> session_{Api()->ReleaseSession};
  Side inputs_;
  Side outputs_;
};

}  // namespace

const char* RuntimeName() { return "onnxruntime"; }

std::string RuntimeVersion() {
  Api();
  return LibraryVersion();
}

bool TakesDelegates() { return false; }

std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options) {
  if (options.kernels == Kernels::kReference) {
    throw ConfigError("kernels: ONNX Runtime has no reference kernels; use default");
  }
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) throw ConfigError(path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw ConfigError(path + ": not a file");
  return std::make_unique<OrtModelAdapter>(path, options);
}

}  // namespace edge_infer
