#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "error.h"
#include "file.h"
#include "runtime/runtime.h"
#include "runtime/tflite_cpp.h"
#include "runtime/tflite_delegate.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

namespace edge_infer {
namespace {

/// Keeps the first line that TensorFlow Lite reports: the others follow from it.
class Messages {
 public:
  static void Report(void* self, const char* format, va_list arguments) {
    std::string& first = static_cast<Messages*>(self)->first_;
    if (!first.empty()) return;
    std::array<char, 512> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    first.assign(text.data(), std::strcspn(text.data(), "\n"));
  }

  /// Throws ConfigError, which begins with `what`, unless the status is success.
  void Check(TfLiteStatus status, const std::string& what) {
    if (status != kTfLiteOk) Fail(what);
    first_.clear();  // what did not keep it from success
  }

  [[noreturn]] void Fail(const std::string& what) const {
    throw ConfigError(what + ": TensorFlow Lite: " + (first_.empty() ? "error" : first_));
  }

 private:
  std::string first_;
};

template <auto kDelete>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kDelete(object);
  }
};

std::optional<ElementType> FromTfLite(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat32:
      return ElementType::kFloat32;
    case kTfLiteFloat16:
      return ElementType::kFloat16;
    case kTfLiteInt8:
      return ElementType::kInt8;
    case kTfLiteUInt8:
      return ElementType::kUint8;
    case kTfLiteInt16:
      return ElementType::kInt16;
    case kTfLiteInt32:
      return ElementType::kInt32;
    case kTfLiteInt64:
      return ElementType::kInt64;
    case kTfLiteBool:
      return ElementType::kBool;
    default:
      return std::nullopt;
  }
}

/// What the model says of a tensor: dimensions that it leaves open are -1.
TensorSpec Inspect(const TfLiteTensor* tensor, const std::string& path) {
  TensorSpec spec;
  const char* name = TfLiteTensorName(tensor);
  spec.name = name == nullptr ? "" : name;
  const auto type = FromTfLite(TfLiteTensorType(tensor));
  if (!type) {
    throw ConfigError(path + ": tensor " + spec.name + " has an unsupported type (" +
                      TfLiteTypeGetName(TfLiteTensorType(tensor)) + " in TensorFlow Lite)");
  }
  spec.type = *type;
  const TfLiteIntArray* shape = tensor->dims_signature;
  if (shape == nullptr || shape->size == 0) shape = tensor->dims;
  if (shape != nullptr) spec.shape.assign(shape->data, shape->data + shape->size);
  // The scale is 0 when there is none, or one for each channel.
  const TfLiteQuantizationParams quantization = TfLiteTensorQuantizationParams(tensor);
  if (quantization.scale != 0) {
    spec.quantization = Quantization{quantization.scale, quantization.zero_point};
  }
  return spec;
}

/// `count` and `get` are the functions for inputs or for outputs.
template <typename Count, typename Get>
std::vector<TensorSpec> InspectAll(const TfLiteInterpreter* interpreter, Count count, Get get,
                                   const std::string& path) {
  std::vector<TensorSpec> specs(static_cast<size_t>(count(interpreter)));
  for (size_t i = 0; i < specs.size(); ++i) {
    specs[i] = Inspect(get(interpreter, static_cast<int>(i)), path);
  }
  return specs;
}

class TfLiteModelAdapter final : public Model {
 public:
  TfLiteModelAdapter(const std::string& path, const LoadOptions& load) : file_(path) {
    tflite_cpp::KeepQuiet();
    if (!tflite_cpp::IsModel(file_.data(), file_.size())) {
      throw ConfigError(path + ": not a TensorFlow Lite model");
    }
    model_.reset(TfLiteModelCreate(file_.data(), file_.size()));
    if (!model_) messages_.Fail(path);
    CreateInterpreter(path, load);
    InspectTensors(path, load);
    if (load.delegate) Apply(*load.delegate);
    messages_.Check(TfLiteInterpreterAllocateTensors(interpreter_.get()), path);
    MapTensors(load);
  }

  MutableBytes Input(size_t i) override { return inputs_[i]; }

  Bytes Output(size_t i) override {
    const TfLiteTensor* tensor = OutputTensor(i);
    return {static_cast<const uint8_t*>(TfLiteTensorData(tensor)), TfLiteTensorByteSize(tensor)};
  }

  void Invoke() override {
    messages_.Check(TfLiteInterpreterInvoke(interpreter_.get()), "cannot run the model");
    // Some models decide on the size of an output only now.
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Bytes output = Output(i);
      if (output.data == nullptr || output.size != ByteSize(outputs_[i])) {
        throw ConfigError("output " + outputs_[i].name + " has " + std::to_string(output.size) +
                          " bytes, in the configuration it has " +
                          std::to_string(ByteSize(outputs_[i])));
      }
    }
  }

  std::optional<DelegatedNodes> Delegated() const override {
    if (!delegate_) return std::nullopt;
    return delegate_->nodes();
  }

 private:
  void CreateInterpreter(const std::string& path, const LoadOptions& load) {
    const std::unique_ptr<TfLiteInterpreterOptions, Deleter<TfLiteInterpreterOptionsDelete>>
        options(TfLiteInterpreterOptionsCreate());
    TfLiteInterpreterOptionsSetNumThreads(options.get(), load.threads);
    TfLiteInterpreterOptionsSetErrorReporter(options.get(), Messages::Report, &messages_);
    if (load.kernels == Kernels::kReference) tflite_cpp::UseReferenceKernels(options.get());
    interpreter_.reset(TfLiteInterpreterCreate(model_.get(), options.get()));
    if (!interpreter_) messages_.Fail(path);
  }

  /// Compares them with the configuration and gives dimensions that are open the configured size.
  void InspectTensors(const std::string& path, const LoadOptions& load) {
    const std::vector<TensorSpec> inputs =
        InspectAll(interpreter_.get(), TfLiteInterpreterGetInputTensorCount,
                   TfLiteInterpreterGetInputTensor, path);
    CheckTensors("input", load.inputs, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto& shape = inputs[i].shape;
      if (std::find(shape.begin(), shape.end(), -1) == shape.end()) continue;
      const std::vector<int> closed(load.inputs[i].shape.begin(), load.inputs[i].shape.end());
      messages_.Check(
          TfLiteInterpreterResizeInputTensor(interpreter_.get(), static_cast<int>(i), closed.data(),
                                             static_cast<int>(closed.size())),
          "cannot resize input " + load.inputs[i].name);
    }
    std::vector<TensorSpec> outputs =
        InspectAll(interpreter_.get(), TfLiteInterpreterGetOutputTensorCount,
                   TfLiteInterpreterGetOutputTensor, path);
    TakeUntold(load.outputs, &outputs);  // Invoke sees whether that comes out
    TakeResized(inputs, load.outputs, &outputs);
    CheckTensors("output", load.outputs, outputs);
    outputs_ = load.outputs;
  }

  void Apply(const DelegateConfig& config) {
    delegate_.emplace(config);
    messages_.Check(TfLiteInterpreterModifyGraphWithDelegate(interpreter_.get(), delegate_->get()),
                    delegate_->name() + ": cannot take the model");
    if (delegate_->nodes().taken == 0) {
      throw ConfigError(delegate_->name() + ": takes none of the model's " +
                        std::to_string(delegate_->nodes().all) + " nodes");
    }
  }

  void MapTensors(const LoadOptions& load) {
    for (size_t i = 0; i < load.inputs.size(); ++i) {
      const TfLiteTensor* tensor =
          TfLiteInterpreterGetInputTensor(interpreter_.get(), static_cast<int>(i));
      auto* data = static_cast<uint8_t*>(TfLiteTensorData(tensor));
      const size_t size = ByteSize(load.inputs[i]);
      if (data == nullptr || TfLiteTensorByteSize(tensor) != size) {
        throw ConfigError("cannot make a buffer for " + load.inputs[i].name);
      }
      std::memset(data, 0, size);
      inputs_.push_back({data, size});
    }
  }

  const TfLiteTensor* OutputTensor(size_t i) const {
    return TfLiteInterpreterGetOutputTensor(interpreter_.get(), static_cast<int>(i));
  }

  // Destroyed in the opposite order: the interpreter before what it uses.
  MappedFile file_;
  Messages messages_;
  std::unique_ptr<TfLiteModel, Deleter<TfLiteModelDelete>> model_;
  std::optional<tflite_c::Delegate> delegate_;
  std::unique_ptr<TfLiteInterpreter, Deleter<TfLiteInterpreterDelete>> interpreter_;
  std::vector<MutableBytes> inputs_;
  std::vector<TensorSpec> outputs_;
};

}  // namespace

const char* RuntimeName() { return "tflite"; }

std::string RuntimeVersion() { return TfLiteVersion(); }

bool TakesDelegates() { return true; }

std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options) {
  return std::make_unique<TfLiteModelAdapter>(path, options);
}

}  // namespace edge_infer
