#include "runtime/tflite_cpp.h"

#include <cstdint>

#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/kernels/register_ref.h"
#include "tensorflow/lite/logger.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace edge_infer::tflite_cpp {
namespace {

using Resolver = tflite::ops::builtin::BuiltinRefOpResolver;

const TfLiteRegistration* FindBuiltin(void* resolver, TfLiteBuiltinOperator op, int version) {
  return static_cast<Resolver*>(resolver)->FindOp(static_cast<tflite::BuiltinOperator>(op),
                                                  version);
}

const TfLiteRegistration* FindCustom(void* resolver, const char* op, int version) {
  return static_cast<Resolver*>(resolver)->FindOp(op, version);
}

}  // namespace

bool IsModel(const void* data, size_t size) {
  flatbuffers::Verifier verifier(static_cast<const uint8_t*>(data), size);
  return tflite::VerifyModelBuffer(verifier);
}

void UseReferenceKernels(TfLiteInterpreterOptions* options) {
  static Resolver resolver;
  TfLiteInterpreterOptionsSetOpResolver(options, FindBuiltin, FindCustom, &resolver);
}

void KeepQuiet() { tflite::LoggerOptions::SetMinimumLogSeverity(tflite::TFLITE_LOG_ERROR); }

}  // namespace edge_infer::tflite_cpp
