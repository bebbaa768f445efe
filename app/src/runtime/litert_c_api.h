#pragma once

// The part of LiteRT's C API that edge-infer uses. LiteRT's Python wheel, which is where the
// library comes from, ships no headers. Facts taken from google-ai-edge/LiteRT, litert/c/, release
// 2.1.6; tests/runtime_test.cc calls every function declared here on a real library.
//
// All functions but one are weak: a library that lacks one is reported by RuntimeVersion() as one
// clear line instead of a message of the dynamic loader. One strong reference keeps the linker's
// --as-needed from dropping the library.

#include <cstddef>
#include <cstdint>

extern "C" {

// Opaque objects.
using LiteRtEnvironment = struct LiteRtEnvironmentT*;
using LiteRtModel = struct LiteRtModelT*;
using LiteRtSignature = struct LiteRtSignatureT*;
using LiteRtSubgraph = struct LiteRtSubgraphT*;
using LiteRtTensor = struct LiteRtTensorT*;
using LiteRtOptions = struct LiteRtOptionsT*;
using LiteRtOpaqueOptions = struct LiteRtOpaqueOptionsT*;
using LiteRtCompiledModel = struct LiteRtCompiledModelT*;
using LiteRtTensorBuffer = struct LiteRtTensorBufferT*;
using LiteRtTensorBufferRequirements = struct LiteRtTensorBufferRequirementsT*;

// C enumerations, as integers of the same size.
using LiteRtStatus = int;                // 0 is success
using LiteRtElementType = int;           // kLiteRtElement... below
using LiteRtTensorTypeId = int;          // 0 ranked
using LiteRtQuantizationTypeId = int;    // 1 one scale for the tensor
using LiteRtTensorBufferLockMode = int;  // 0 read, 1 write, 2 both

enum : int {
  kLiteRtHwAcceleratorCpu = 1,
  kLiteRtRankedTensorType = 0,
  kLiteRtQuantizationPerTensor = 1,
  kLiteRtTensorBufferTypeHostMemory = 1,
  kLiteRtTensorBufferLockModeRead = 0,
  kLiteRtTensorBufferLockModeWrite = 1,
  kLiteRtAnyTypeInt = 2,
  kLiteRtEnvOptionTagAutoRegisterAccelerators = 24,
  kLiteRtEnvOptionTagMinLoggerSeverity = 25,
  kLiteRtLogSeverityError = 3,
  kLiteRtElementTypeFloat32 = 1,
  kLiteRtElementTypeInt32 = 2,
  kLiteRtElementTypeUInt8 = 3,
  kLiteRtElementTypeInt64 = 4,
  kLiteRtElementTypeBool = 6,
  kLiteRtElementTypeInt16 = 7,
  kLiteRtElementTypeInt8 = 9,
  kLiteRtElementTypeFloat16 = 10,
};

struct LiteRtAny {
  int type;
  union {
    bool bool_value;
    int64_t int_value;
    double real_value;
    const char* str_value;
    const void* ptr_value;
  };
};

struct LiteRtEnvOption {
  int tag;
  LiteRtAny value;
};

constexpr size_t kLiteRtMaxRank = 8;

struct LiteRtLayout {
  unsigned int rank : 7;
  unsigned int has_strides : 1;
  int32_t dimensions[kLiteRtMaxRank];  // -1: left open
  uint32_t strides[kLiteRtMaxRank];
};

struct LiteRtRankedTensorType {
  LiteRtElementType element_type;
  LiteRtLayout layout;
};

struct LiteRtQuantizationPerTensor {
  float scale;
  int64_t zero_point;
};

// The library's ABI promises these sizes on 64-bit machines.
static_assert(sizeof(void*) != 8 || sizeof(LiteRtAny) == 16);
static_assert(sizeof(void*) != 8 || sizeof(LiteRtEnvOption) == 24);
static_assert(sizeof(LiteRtLayout) == 68);
static_assert(sizeof(LiteRtRankedTensorType) == 72);
static_assert(sizeof(void*) != 8 || sizeof(LiteRtQuantizationPerTensor) == 16);

LiteRtStatus LiteRtCreateEnvironment(int option_count, const LiteRtEnvOption* options,
                                     LiteRtEnvironment* environment);

#pragma GCC visibility push(default)
#define LITERT_WEAK __attribute__((weak))

LITERT_WEAK void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

// Since 2.1.6 the environment comes first; until 2.1.5 there was none. The buffer must outlive the
// model. Unlike LiteRtCreateModelFromFile, which crashes on a truncated file, this one verifies.
LITERT_WEAK LiteRtStatus LiteRtCreateModelFromBuffer(LiteRtEnvironment environment,
                                                     const void* buffer, size_t size,
                                                     LiteRtModel* model);
LITERT_WEAK void LiteRtDestroyModel(LiteRtModel model);
LITERT_WEAK LiteRtStatus LiteRtGetModelSignature(LiteRtModel model, size_t index,
                                                 LiteRtSignature* signature);
LITERT_WEAK LiteRtStatus LiteRtGetSignatureSubgraph(LiteRtSignature signature,
                                                    LiteRtSubgraph* subgraph);
LITERT_WEAK LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature signature, size_t* count);
LITERT_WEAK LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignature signature, size_t* count);
LITERT_WEAK LiteRtStatus LiteRtGetSignatureInputTensorByIndex(LiteRtSignature signature,
                                                              size_t index, LiteRtTensor* tensor);
LITERT_WEAK LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(LiteRtSignature signature,
                                                               size_t index, LiteRtTensor* tensor);
LITERT_WEAK LiteRtStatus LiteRtGetNumSubgraphInputs(LiteRtSubgraph subgraph, size_t* count);
LITERT_WEAK LiteRtStatus LiteRtGetNumSubgraphOutputs(LiteRtSubgraph subgraph, size_t* count);
LITERT_WEAK LiteRtStatus LiteRtGetSubgraphInput(LiteRtSubgraph subgraph, size_t index,
                                                LiteRtTensor* tensor);
LITERT_WEAK LiteRtStatus LiteRtGetSubgraphOutput(LiteRtSubgraph subgraph, size_t index,
                                                 LiteRtTensor* tensor);
LITERT_WEAK LiteRtStatus LiteRtGetTensorName(LiteRtTensor tensor, const char** name);
LITERT_WEAK LiteRtStatus LiteRtGetTensorTypeId(LiteRtTensor tensor, LiteRtTensorTypeId* id);
LITERT_WEAK LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor tensor,
                                                   LiteRtRankedTensorType* type);
LITERT_WEAK LiteRtStatus LiteRtGetQuantizationTypeId(LiteRtTensor tensor,
                                                     LiteRtQuantizationTypeId* id);
LITERT_WEAK LiteRtStatus LiteRtGetPerTensorQuantization(LiteRtTensor tensor,
                                                        LiteRtQuantizationPerTensor* quantization);

LITERT_WEAK LiteRtStatus LiteRtCreateOptions(LiteRtOptions* options);
LITERT_WEAK void LiteRtDestroyOptions(LiteRtOptions options);
LITERT_WEAK LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options,
                                                              int accelerators);
// The payload, TOML text for "xnnpack", is freed with `destroy`.
LITERT_WEAK LiteRtStatus LiteRtCreateOpaqueOptions(const char* identifier, void* payload,
                                                   void (*destroy)(void*),
                                                   LiteRtOpaqueOptions* options);
LITERT_WEAK void LiteRtDestroyOpaqueOptions(LiteRtOpaqueOptions options);
// Takes the opaque options over when it succeeds.
LITERT_WEAK LiteRtStatus LiteRtAddOpaqueOptions(LiteRtOptions options, LiteRtOpaqueOptions opaque);

LITERT_WEAK LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironment environment, LiteRtModel model,
                                                   LiteRtOptions options,
                                                   LiteRtCompiledModel* compiled);
LITERT_WEAK void LiteRtDestroyCompiledModel(LiteRtCompiledModel compiled);
// Also of an input that LiteRT takes for a closed one.
LITERT_WEAK LiteRtStatus LiteRtCompiledModelResizeInputTensorNonStrict(LiteRtCompiledModel compiled,
                                                                       size_t signature,
                                                                       size_t input,
                                                                       const int* dimensions,
                                                                       size_t rank);
LITERT_WEAK LiteRtStatus LiteRtGetCompiledModelOutputTensorLayouts(LiteRtCompiledModel compiled,
                                                                   size_t signature, size_t count,
                                                                   LiteRtLayout* layouts,
                                                                   bool allocate);
// The requirements belong to the compiled model.
LITERT_WEAK LiteRtStatus LiteRtGetCompiledModelInputBufferRequirements(
    LiteRtCompiledModel compiled, size_t signature, size_t input,
    LiteRtTensorBufferRequirements* requirements);
LITERT_WEAK LiteRtStatus LiteRtGetCompiledModelOutputBufferRequirements(
    LiteRtCompiledModel compiled, size_t signature, size_t output,
    LiteRtTensorBufferRequirements* requirements);
LITERT_WEAK LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel compiled, size_t signature,
                                                size_t input_count, LiteRtTensorBuffer* inputs,
                                                size_t output_count, LiteRtTensorBuffer* outputs);

LITERT_WEAK LiteRtStatus LiteRtCreateManagedTensorBufferFromRequirements(
    LiteRtEnvironment environment, const LiteRtRankedTensorType* type,
    LiteRtTensorBufferRequirements requirements, LiteRtTensorBuffer* buffer);
LITERT_WEAK void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer);
LITERT_WEAK LiteRtStatus LiteRtGetTensorBufferPackedSize(LiteRtTensorBuffer buffer, size_t* size);
LITERT_WEAK LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void** address,
                                                LiteRtTensorBufferLockMode mode);
LITERT_WEAK LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);

// Never called: 2.1.6 is the first release that has it, so it tells the release from older ones,
// whose functions take other arguments under the same names. The library exports no version.
LITERT_WEAK LiteRtStatus LiteRtCreateModelFromFd(LiteRtEnvironment environment, int descriptor,
                                                 size_t offset, size_t size, LiteRtModel* model);

#undef LITERT_WEAK
#pragma GCC visibility pop

// Looked up by name, never linked with: new in 2.2.
constexpr const char* kLiteRtNewIn22 = "LiteRtExternalLiteRtBufferContextGetRunOptions";

}  // extern "C"
