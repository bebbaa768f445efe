#pragma once

#include <string>

#include "config.h"
#include "runtime/runtime.h"
#include "tensorflow/lite/c/common.h"

namespace edge_infer::tflite_c {

/// An external delegate: a shared library with the two functions that every TensorFlow Lite plug-in
/// has. They are called here, and not through TfLiteExternalDelegateCreate(), which in all releases
/// up to 2.21 answers a plug-in that fails with a pointer to uninitialised memory.
class Delegate {
 public:
  /// Loads the plug-in. Throws ConfigError.
  explicit Delegate(const DelegateConfig& config);
  Delegate(const Delegate&) = delete;
  Delegate& operator=(const Delegate&) = delete;
  /// The interpreter must be gone before.
  ~Delegate();

  /// What the interpreter is given. It hands the work to the plug-in and counts the nodes.
  TfLiteDelegate* get() { return &wrapper_; }

  /// "delegate /usr/lib/x.so", for messages.
  const std::string& name() const { return name_; }

  /// Of all graphs, once the interpreter has been given the delegate.
  const DelegatedNodes& nodes() const { return nodes_; }

 private:
  using Create = TfLiteDelegate*(const char* const* keys, const char* const* values, size_t count,
                                 void (*report)(const char*));
  using Destroy = void(TfLiteDelegate*);

  static TfLiteStatus Prepare(TfLiteContext* context, TfLiteDelegate* wrapper);

  std::string name_;
  Destroy* destroy_ = nullptr;
  TfLiteDelegate* plugin_ = nullptr;
  TfLiteDelegate wrapper_{};
  DelegatedNodes nodes_;
};

}  // namespace edge_infer::tflite_c
