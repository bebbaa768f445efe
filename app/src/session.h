#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clock.h"
#include "config.h"
#include "frames.h"
#include "image.h"
#include "postprocess.h"
#include "preprocess.h"
#include "runtime/runtime.h"

namespace edge_infer {

/// A configuration with its loaded model: frames in, JSON out. Buffers are used again for each
/// frame.
class Session {
 public:
  /// Loads the model. Throws ConfigError.
  explicit Session(const Config& config);

  /// Length of a raw frame in bytes; 0 when frames are pictures.
  size_t RawFrameSize() const { return raw_size_; }

  /// Fills the inputs. Throws FrameError.
  void SetInputs(const Frame& frame);

  /// Runs the model once; returns the time of that alone, in milliseconds.
  double Invoke();

  /// [{"name":...},...] for the outputs of the last Invoke().
  void AppendOutputs(std::string* json);

  size_t OutputCount() const { return postprocessors_.size(); }
  Bytes Output(size_t i) const { return model_->Output(i); }
  std::optional<DelegatedNodes> Delegated() const { return model_->Delegated(); }

 private:
  std::unique_ptr<Model> model_;
  size_t inputs_;
  size_t raw_size_ = 0;
  std::optional<Preprocessor> preprocessor_;  ///< none for raw tensors
  std::vector<Postprocessor> postprocessors_;
  Image image_;
};

}  // namespace edge_infer
