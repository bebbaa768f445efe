#include "runtime/tflite_delegate.h"

#include <dlfcn.h>

#include <vector>

#include "error.h"
#include "tensorflow/lite/builtin_ops.h"

namespace edge_infer::tflite_c {
namespace {

// A plug-in reports through a function without an argument of ours.
std::string* reported = nullptr;

void Report(const char* message) {
  if (reported->empty() && message != nullptr) *reported = message;
}

// The interpreter's own function, while a plug-in runs that calls the one below in its place.
decltype(TfLiteContext::ReplaceNodeSubsetsWithDelegateKernels) replace_nodes = nullptr;

template <typename Registration>
auto ForgetNewest(Registration& registration, int)
    -> decltype(static_cast<void>(registration.inplace_operator)) {
  registration.inplace_operator = 0;  // only ever spares a copy
}

template <typename Registration>
void ForgetNewest(Registration&, int64_t) {}  // an older release has no such member

// The registration is handed over by value, and grows at its end. A plug-in that was compiled with
// an older release's header, as Mesa's is, hands over less than is read here.
TfLiteStatus ReplaceNodes(TfLiteContext* context, TfLiteRegistration registration,
                          const TfLiteIntArray* nodes, TfLiteDelegate* delegate) {
  ForgetNewest(registration, 0);
  return replace_nodes(context, registration, nodes, delegate);
}

struct Nodes {
  size_t all = 0;
  size_t kernels_of_delegates = 0;
};

TfLiteStatus Count(TfLiteContext* context, Nodes* nodes) {
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) !=
        kTfLiteOk) {
      return kTfLiteError;
    }
    ++nodes->all;
    if (registration->builtin_code == kTfLiteBuiltinDelegate) ++nodes->kernels_of_delegates;
  }
  return kTfLiteOk;
}

}  // namespace

Delegate::Delegate(const DelegateConfig& config) : name_("delegate " + config.library) {
  // It is never unloaded: a driver's threads may outlive what they were started for.
  void* library = dlopen(config.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw ConfigError(std::string("delegate: ") + dlerror());
  auto* create = reinterpret_cast<Create*>(dlsym(library, "tflite_plugin_create_delegate"));
  destroy_ = reinterpret_cast<Destroy*>(dlsym(library, "tflite_plugin_destroy_delegate"));
  if (create == nullptr || destroy_ == nullptr) {
    throw ConfigError(name_ + ": has no tflite_plugin_create_delegate: not a plug-in");
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : config.options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  std::string message;
  reported = &message;
  plugin_ = create(keys.data(), values.data(), keys.size(), Report);
  if (plugin_ == nullptr) {
    throw ConfigError(name_ + ": cannot start" + (message.empty() ? "" : ": ") +
                      message.substr(0, message.find('\n')));
  }
  if (plugin_->Prepare == nullptr) {
    destroy_(plugin_);
    throw ConfigError(name_ + ": has no Prepare function, as opaque delegates");
  }
  wrapper_.data_ = this;
  wrapper_.Prepare = Prepare;
  wrapper_.flags = plugin_->flags;
}

Delegate::~Delegate() { destroy_(plugin_); }

TfLiteStatus Delegate::Prepare(TfLiteContext* context, TfLiteDelegate* wrapper) {
  auto* self = static_cast<Delegate*>(wrapper->data_);
  Nodes before;
  Nodes after;
  if (Count(context, &before) != kTfLiteOk) return kTfLiteError;
  replace_nodes = context->ReplaceNodeSubsetsWithDelegateKernels;
  context->ReplaceNodeSubsetsWithDelegateKernels = ReplaceNodes;
  const TfLiteStatus status = self->plugin_->Prepare(context, self->plugin_);
  context->ReplaceNodeSubsetsWithDelegateKernels = replace_nodes;
  if (status != kTfLiteOk) return status;
  if (Count(context, &after) != kTfLiteOk) return kTfLiteError;
  // Each kernel of the delegate stands for all the nodes that it took. A model's graphs are
  // prepared one after the other.
  self->nodes_.all += before.all;
  self->nodes_.taken += before.all - (after.all - after.kernels_of_delegates);
  return kTfLiteOk;
}

}  // namespace edge_infer::tflite_c
