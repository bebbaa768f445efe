// Loads the real runtime library. The model comes from the environment: EDGE_INFER_TEST_MODEL.

#include "runtime/runtime.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "error.h"
#ifdef EDGE_INFER_RUNTIME_litert
#include "runtime/litert_c_api.h"
#endif

namespace edge_infer {
namespace {

std::string ModelPath() {
  const char* path = std::getenv("EDGE_INFER_TEST_MODEL");
  if (path == nullptr) {
    std::puts("EDGE_INFER_TEST_MODEL is not set: skipped");
    std::exit(77);
  }
  return path;
}

std::string ErrorOf(const std::string& path, const LoadOptions& options) {
  try {
    LoadModel(path, options);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the library fits") { CHECK_FALSE(RuntimeVersion().empty()); }

TEST_CASE("wrong models are one line") {
  const std::string model = ModelPath();
  CHECK(ErrorOf("/does/not/exist", {}) == "/does/not/exist: No such file or directory");
  CHECK(ErrorOf("/", {}).find("/: not a file") == 0);
  CHECK(ErrorOf(model, {}).find("the configuration has 0 inputs") == 0);

  std::ifstream file(model, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  char name[] = "/tmp/edge-infer-test-XXXXXX";
  REQUIRE(mkstemp(name) >= 0);
  for (const std::string& bad : {std::string(), std::string("garbage"), good.substr(0, 100),
                                 good.substr(0, good.size() / 2), std::string(4096, '\xff')}) {
    std::ofstream(name, std::ios::binary | std::ios::trunc) << bad;
    CAPTURE(bad.size());
    const std::string message = ErrorOf(name, {});
    CHECK_FALSE(message.empty());
    CHECK(message.find('\n') == std::string::npos);
  }
  std::remove(name);
}

#ifdef EDGE_INFER_RUNTIME_litert
TEST_CASE("every declared function, on a model") {
  const std::string path = ModelPath();
  LiteRtEnvironment environment = nullptr;
  REQUIRE(LiteRtCreateEnvironment(0, nullptr, &environment) == 0);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  LiteRtModel model = nullptr;
  REQUIRE(LiteRtCreateModelFromBuffer(environment, bytes.data(), bytes.size(), &model) == 0);
  LiteRtSignature signature = nullptr;
  REQUIRE(LiteRtGetModelSignature(model, 0, &signature) == 0);
  LiteRtSubgraph graph = nullptr;
  REQUIRE(LiteRtGetSignatureSubgraph(signature, &graph) == 0);
  size_t count = 0;
  size_t graph_count = 0;
  REQUIRE(LiteRtGetNumSignatureInputs(signature, &count) == 0);
  REQUIRE(LiteRtGetNumSubgraphInputs(graph, &graph_count) == 0);
  CHECK(count == graph_count);
  REQUIRE(LiteRtGetNumSignatureOutputs(signature, &count) == 0);
  REQUIRE(LiteRtGetNumSubgraphOutputs(graph, &graph_count) == 0);
  CHECK(count == graph_count);
  LiteRtTensor tensor = nullptr;
  LiteRtTensor graph_tensor = nullptr;
  REQUIRE(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor) == 0);
  REQUIRE(LiteRtGetSubgraphInput(graph, 0, &graph_tensor) == 0);
  CHECK(tensor == graph_tensor);
  REQUIRE(LiteRtGetSignatureOutputTensorByIndex(signature, 0, &tensor) == 0);
  REQUIRE(LiteRtGetSubgraphOutput(graph, 0, &graph_tensor) == 0);
  CHECK(tensor == graph_tensor);

  // The model that the tests use: one input and one output, quantized as a whole.
  const char* name = nullptr;
  REQUIRE(LiteRtGetTensorName(tensor, &name) == 0);
  CHECK(std::strlen(name) > 0);
  LiteRtTensorTypeId type_id = -1;
  REQUIRE(LiteRtGetTensorTypeId(tensor, &type_id) == 0);
  CHECK(type_id == kLiteRtRankedTensorType);
  LiteRtRankedTensorType type{};
  REQUIRE(LiteRtGetRankedTensorType(tensor, &type) == 0);
  CHECK(+type.layout.rank > 0);
  CHECK(+type.layout.rank <= kLiteRtMaxRank);
  LiteRtQuantizationTypeId quantization_id = -1;
  REQUIRE(LiteRtGetQuantizationTypeId(tensor, &quantization_id) == 0);
  LiteRtQuantizationPerTensor quantization{};
  if (quantization_id == kLiteRtQuantizationPerTensor) {
    REQUIRE(LiteRtGetPerTensorQuantization(tensor, &quantization) == 0);
    CHECK(quantization.scale > 0);
  }
  LiteRtOptions options = nullptr;
  REQUIRE(LiteRtCreateOptions(&options) == 0);
  REQUIRE(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu) == 0);
  LiteRtOpaqueOptions opaque = nullptr;
  REQUIRE(LiteRtCreateOpaqueOptions("xnnpack", strdup("num_threads = 1\n"), free, &opaque) == 0);
  LiteRtDestroyOpaqueOptions(opaque);
  REQUIRE(LiteRtCreateOpaqueOptions("xnnpack", strdup("num_threads = 1\n"), free, &opaque) == 0);
  REQUIRE(LiteRtAddOpaqueOptions(options, opaque) == 0);
  LiteRtCompiledModel compiled = nullptr;
  REQUIRE(LiteRtCreateCompiledModel(environment, model, options, &compiled) == 0);
  LiteRtLayout layout{};
  REQUIRE(LiteRtGetCompiledModelOutputTensorLayouts(compiled, 0, 1, &layout, false) == 0);
  CHECK(+layout.rank == +type.layout.rank);
  // To the shape that it has: this one takes any, and the rest of the test needs it.
  LiteRtTensor fed = nullptr;
  REQUIRE(LiteRtGetSignatureInputTensorByIndex(signature, 0, &fed) == 0);
  LiteRtRankedTensorType shaped{};
  REQUIRE(LiteRtGetRankedTensorType(fed, &shaped) == 0);
  CHECK(LiteRtCompiledModelResizeInputTensorNonStrict(compiled, 0, 0, shaped.layout.dimensions,
                                                      shaped.layout.rank) == 0);
  LiteRtTensorBufferRequirements requirements = nullptr;
  REQUIRE(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, 0, &requirements) == 0);
  LiteRtTensorBuffer output = nullptr;
  REQUIRE(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements,
                                                          &output) == 0);
  REQUIRE(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor) == 0);
  REQUIRE(LiteRtGetRankedTensorType(tensor, &type) == 0);
  REQUIRE(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, &requirements) == 0);
  LiteRtTensorBuffer input = nullptr;
  REQUIRE(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements,
                                                          &input) == 0);
  size_t size = 0;
  REQUIRE(LiteRtGetTensorBufferPackedSize(input, &size) == 0);
  CHECK(size > 0);
  void* address = nullptr;
  REQUIRE(LiteRtLockTensorBuffer(input, &address, kLiteRtTensorBufferLockModeWrite) == 0);
  std::memset(address, 0, size);
  REQUIRE(LiteRtUnlockTensorBuffer(input) == 0);
  REQUIRE(LiteRtRunCompiledModel(compiled, 0, 1, &input, 1, &output) == 0);
  LiteRtDestroyTensorBuffer(input);
  LiteRtDestroyTensorBuffer(output);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
}
#endif

}  // namespace
}  // namespace edge_infer
