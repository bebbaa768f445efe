// A TensorFlow Lite delegate for the tests: it takes the first RESHAPE of a model, which is a copy.
//
//   mode=one       takes it
//   mode=none      takes nothing
//   mode=create, prepare, invoke   fails there
//   mode=opaque    has no Prepare function
//   invert=yes     inverts the bytes that it copies, so that a test sees who copied

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/c/common.h"

namespace {

struct Plugin {
  TfLiteDelegate delegate{};
  std::map<std::string, std::string> options;
  int input = 0;
  int output = 0;
};

void* Init(TfLiteContext* /*context*/, const char* buffer, size_t /*length*/) {
  return reinterpret_cast<const TfLiteDelegateParams*>(buffer)->delegate->data_;
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  auto* plugin = static_cast<Plugin*>(node->user_data);
  if (plugin->options["mode"] == "invoke") {
    context->ReportError(context, "the plug-in's kernel fails\nand says more");
    return kTfLiteError;
  }
  const TfLiteTensor& from = context->tensors[plugin->input];
  TfLiteTensor& to = context->tensors[plugin->output];
  std::memmove(to.data.raw, from.data.raw, from.bytes);
  if (plugin->options["invert"] == "yes") {
    for (size_t i = 0; i < to.bytes; ++i) to.data.raw[i] = static_cast<char>(~to.data.raw[i]);
  }
  return kTfLiteOk;
}

/// The first RESHAPE of the graph; -1 without one.
int Find(TfLiteContext* context, Plugin* plugin) {
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return -1;
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) ==
            kTfLiteOk &&
        registration->builtin_code == kTfLiteBuiltinReshape) {
      plugin->input = node->inputs->data[0];
      plugin->output = node->outputs->data[0];
      return plan->data[i];
    }
  }
  return -1;
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  auto* plugin = static_cast<Plugin*>(delegate->data_);
  if (plugin->options["mode"] == "none") return kTfLiteOk;
  if (plugin->options["mode"] == "prepare") {
    context->ReportError(context, "the plug-in does not like the %s", "graph");
    return kTfLiteError;
  }
  const int found = Find(context, plugin);
  if (found < 0) return kTfLiteOk;
  TfLiteRegistration registration{};
  registration.init = Init;
  registration.invoke = Invoke;
  registration.builtin_code = kTfLiteBuiltinDelegate;
  registration.custom_name = "TestPlugin";
  registration.version = 1;
  TfLiteIntArray* nodes = TfLiteIntArrayCreate(1);
  nodes->data[0] = found;
  const TfLiteStatus status =
      context->ReplaceNodeSubsetsWithDelegateKernels(context, registration, nodes, delegate);
  TfLiteIntArrayFree(nodes);
  return status;
}

}  // namespace

extern "C" TfLiteDelegate* tflite_plugin_create_delegate(const char* const* keys,
                                                         const char* const* values, size_t count,
                                                         void (*report)(const char*)) {
  auto* plugin = new Plugin;
  for (size_t i = 0; i < count; ++i) plugin->options[keys[i]] = values[i];
  if (plugin->options["mode"] == "create") {
    report("no such device\nnor any other");
    delete plugin;
    return nullptr;
  }
  plugin->delegate.data_ = plugin;
  if (plugin->options["mode"] != "opaque") plugin->delegate.Prepare = Prepare;
  return &plugin->delegate;
}

extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  delete static_cast<Plugin*>(delegate->data_);
}
