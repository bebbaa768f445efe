#include <algorithm>
#include <utility>

#include "error.h"
#include "file.h"
#include "runtime/litert_handles.h"
#include "runtime/litert_tensors.h"
#include "runtime/runtime.h"

namespace edge_infer {
namespace {

using litert::Check;
using litert::Owned;
using litert::Side;

constexpr size_t kSignature = 0;  // the main one; LiteRT makes one for a model that has none

/// Where the file does not mark a tensor's rank as known, which older converters did not do,
/// LiteRT tells an open dimension as 1: such a 1 goes with any configured size. Whether
/// the model takes that is seen when it is resized. Returns whether there was one.
bool OpenOnes(const std::vector<TensorSpec>& configured, std::vector<TensorSpec>& found) {
  bool opened = false;
  for (size_t i = 0; i < std::min(configured.size(), found.size()); ++i) {
    const auto& wanted = configured[i].shape;
    auto& shape = found[i].shape;
    if (wanted.size() != shape.size()) continue;
    for (size_t at = 0; at < shape.size(); ++at) {
      if (shape[at] != 1 || wanted[at] == 1) continue;
      shape[at] = -1;
      opened = true;
    }
  }
  return opened;
}

class LiteRtModelAdapter final : public Model {
 public:
  LiteRtModelAdapter(const std::string& path, const LoadOptions& load)
      : file_(path),
        environment_(litert::CreateEnvironment()),
        options_(litert::CreateOptions(load)) {
    Check(LiteRtCreateModelFromBuffer(environment_.get(), file_.data(), file_.size(), model_.out()),
          path);
    LiteRtSignature signature = nullptr;
    Check(LiteRtGetModelSignature(model_.get(), kSignature, &signature), path);
    inputs_.Inspect(signature, LiteRtGetNumSignatureInputs, LiteRtGetSignatureInputTensorByIndex,
                    LiteRtGetSubgraphInput, path);
    outputs_.Inspect(signature, LiteRtGetNumSignatureOutputs, LiteRtGetSignatureOutputTensorByIndex,
                     LiteRtGetSubgraphOutput, path);
    if (OpenOnes(load.inputs, inputs_.specs)) OpenOnes(load.outputs, outputs_.specs);
    const bool untold = TakeUntold(load.outputs, &outputs_.specs);
    TakeResized(inputs_.specs, load.outputs, &outputs_.specs);
    CheckTensors("input", load.inputs, inputs_.specs);
    CheckTensors("output", load.outputs, outputs_.specs);
    Check(LiteRtCreateCompiledModel(environment_.get(), model_.get(), options_.get(),
                                    compiled_.out()),
          path);
    CloseShapes(load, untold);
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
  /// Gives dimensions that the model leaves open the configured size. `open`: the file does not
  /// tell the shapes of all outputs.
  void CloseShapes(const LoadOptions& load, bool open) {
    for (size_t i = 0; i < inputs_.specs.size(); ++i) {
      const auto& shape = inputs_.specs[i].shape;
      if (std::find(shape.begin(), shape.end(), -1) == shape.end()) continue;
      const std::vector<int> dimensions(load.inputs[i].shape.begin(), load.inputs[i].shape.end());
      Check(LiteRtCompiledModelResizeInputTensorNonStrict(compiled_.get(), kSignature,
                                                          inputs_.position[i], dimensions.data(),
                                                          dimensions.size()),
            "cannot resize input " + load.inputs[i].name);
      open = true;
    }
    std::vector<LiteRtLayout> layouts(outputs_.specs.size());
    Check(LiteRtGetCompiledModelOutputTensorLayouts(compiled_.get(), kSignature, layouts.size(),
                                                    layouts.data(), open),
          "cannot read the shapes of the outputs");
    for (size_t i = 0; i < layouts.size(); ++i) {
      const LiteRtLayout& layout = layouts[outputs_.position[i]];
      outputs_.specs[i].shape.assign(layout.dimensions, layout.dimensions + layout.rank);
    }
    if (open) CheckTensors("output", load.outputs, outputs_.specs);
  }

  template <typename GetRequirements>
  void CreateBuffers(Side& side, const std::vector<TensorSpec>& specs, GetRequirements get) {
    for (size_t i = 0; i < specs.size(); ++i) {
      const size_t position = side.position[i];
      const std::string what = "cannot make a buffer for " + specs[i].name;
      LiteRtTensorBufferRequirements requirements = nullptr;
      Check(get(compiled_.get(), kSignature, position, &requirements), what);
      const LiteRtRankedTensorType type = litert::TensorType(specs[i]);
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
  litert::CheckLibrary();
  return "2.1";
}

bool TakesDelegates() { return false; }

std::unique_ptr<Model> LoadModel(const std::string& path, const LoadOptions& options) {
  litert::CheckLibrary();
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
