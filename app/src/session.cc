#include "session.h"

#include <cstring>

#include "error.h"
#include "log.h"

namespace edge_infer {
namespace {

/// The delegate that this run uses; no run goes to the CPU unsaid.
std::optional<DelegateConfig> ChosenDelegate(const Config& config) {
  if (!config.delegate) return std::nullopt;
  if (!TakesDelegates()) {
    throw ConfigError(std::string("delegate: runtime ") + RuntimeName() + " takes none");
  }
  if (config.kernels == Kernels::kReference) {
    Log("kernels reference: everything on the CPU, without the delegate");
    return std::nullopt;
  }
  return config.delegate;
}

}  // namespace

Session::Session(const Config& config) : inputs_(config.inputs.size()) {
  LoadOptions options;
  options.threads = config.threads;
  options.kernels = config.kernels;
  options.delegate = ChosenDelegate(config);
  options.inputs = InputSpecs(config);
  options.outputs = OutputSpecs(config);
  if (config.inputs.front().image) {
    preprocessor_.emplace(config.inputs.front());
  } else {
    for (const TensorSpec& input : options.inputs) raw_size_ += ByteSize(input);
  }
  for (const OutputConfig& output : config.outputs) postprocessors_.emplace_back(output);
  const bool compiled = options.delegate && !options.delegate->model.empty();
  model_ = LoadModel(compiled ? options.delegate->model : config.model, options);
  if (const auto nodes = model_->Delegated()) {
    Log("delegate " + config.delegate->library + ": takes " + std::to_string(nodes->taken) +
        " of " + std::to_string(nodes->all) + " nodes");
  }
}

void Session::SetInputs(const Frame& frame) {
  if (preprocessor_) {
    preprocessor_->Decode(frame, &image_);
    preprocessor_->Run(image_, model_->Input(0));
    return;
  }
  if (frame.bytes.size != raw_size_) {
    throw FrameError(std::to_string(frame.bytes.size) + " bytes, the inputs take " +
                     std::to_string(raw_size_));
  }
  const uint8_t* in = frame.bytes.data;
  for (size_t i = 0; i < inputs_; ++i) {
    const MutableBytes input = model_->Input(i);
    std::memcpy(input.data, in, input.size);
    in += input.size;
  }
}

double Session::Invoke() {
  const double start = Now();
  model_->Invoke();
  return Now() - start;
}

void Session::AppendOutputs(std::string* json) {
  *json += '[';
  for (size_t i = 0; i < postprocessors_.size(); ++i) {
    if (i > 0) *json += ',';
    postprocessors_[i].AppendJson(model_->Output(i), json);
  }
  *json += ']';
}

}  // namespace edge_infer
