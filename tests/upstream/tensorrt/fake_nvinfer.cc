// As much of libnvinfer and libnvonnxparser as the adapter calls. It is loaded in place of them.
//
// A model is one line of words: "model INPUT-SIZE", whose input x of an open batch and output y
// are float32 [?, INPUT-SIZE], and which doubles; "unsupported" and "unbuildable" say what they do;
// all else is no model. An engine is "plan " and the model.

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "stubs.h"

namespace {

using namespace nvinfer1;

Dims Shape(const std::string& model, int64_t batch) {
  Dims dimensions = {};
  dimensions.nbDims = 2;
  dimensions.d[0] = batch;
  dimensions.d[1] = std::atoi(model.c_str() + std::strlen("model "));
  return dimensions;
}

struct Tensor final : public ITensor, apiv::StubVTensor {
  explicit Tensor(std::string model) : shape(Shape(model, -1)) { mImpl = this; }
  const char* getName() const noexcept override { return "x"; }
  DataType getType() const noexcept override { return DataType::kFLOAT; }
  Dims getDimensions() const noexcept override { return shape; }
  void setDimensions(const Dims& dimensions) noexcept override { shape = dimensions; }
  Dims shape;
};

struct Network final : public INetworkDefinition, apiv::StubVNetworkDefinition {
  Network() { mImpl = this; }
  ~Network() override { delete input; }
  int32_t getNbInputs() const noexcept override { return 1; }
  ITensor* getInput(int32_t) const noexcept override { return input; }
  std::string model;
  Tensor* input = nullptr;
};

struct Config final : public IBuilderConfig, apiv::StubVBuilderConfig {
  Config() { mImpl = this; }
  void clearFlag(BuilderFlag flag) noexcept override { tf32 = tf32 && flag != BuilderFlag::kTF32; }
  void setProgressMonitor(IProgressMonitor* given) noexcept override { monitor = given; }
  bool tf32 = true;
  IProgressMonitor* monitor = nullptr;
};

struct Memory final : public IHostMemory, apiv::StubVHostMemory {
  explicit Memory(std::string text) : content(std::move(text)) { mImpl = this; }
  void* data() const noexcept override { return const_cast<char*>(content.data()); }
  std::size_t size() const noexcept override { return content.size(); }
  std::string content;
};

struct Builder final : public IBuilder, apiv::StubVBuilder {
  explicit Builder(ILogger* given) : logger(given) { mImpl = this; }
  INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags) noexcept override {
    return new Network;
  }
  IBuilderConfig* createBuilderConfig() noexcept override { return new Config; }
  IHostMemory* buildSerializedNetwork(INetworkDefinition& network,
                                      IBuilderConfig& config) noexcept override {
    const auto& given = static_cast<Network&>(network);
    const auto& settings = static_cast<Config&>(config);
    if (settings.tf32 || given.input->shape.d[0] != 1) std::abort();
    settings.monitor->phaseStart("Building", nullptr, 1);
    settings.monitor->stepComplete("Building", 0);
    settings.monitor->phaseFinish("Building");
    if (given.model.find("unbuildable") != std::string::npos) {
      logger->log(ILogger::Severity::kWARNING, "not this one");
      logger->log(ILogger::Severity::kERROR, "Error Code 10: no implementation\nand more");
      logger->log(ILogger::Severity::kERROR, "Error Code 2: nor this one");
      return nullptr;
    }
    return new Memory("plan " + given.model);
  }
  ILogger* logger;
};

struct Context final : public IExecutionContext, apiv::StubVExecutionContext {
  explicit Context(int64_t count) : size(count) { mImpl = this; }
  bool setTensorAddress(const char* name, void* memory) noexcept override {
    (*name == 'x' ? input : output) = static_cast<float*>(memory);
    return true;
  }
  bool enqueueV3(cudaStream_t) noexcept override {
    for (int64_t i = 0; i < size; ++i) output[i] = 2 * input[i];
    return true;
  }
  int64_t size;
  float* input = nullptr;
  float* output = nullptr;
};

struct Engine final : public ICudaEngine, apiv::StubVCudaEngine {
  explicit Engine(std::string text) : shape(Shape(text, 1)) { mImpl = this; }
  int32_t getNbIOTensors() const noexcept override { return 2; }
  const char* getIOTensorName(int32_t i) const noexcept override { return i == 0 ? "y" : "x"; }
  TensorIOMode getTensorIOMode(const char* name) const noexcept override {
    return *name == 'x' ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
  }
  Dims getTensorShape(const char*) const noexcept override { return shape; }
  DataType getTensorDataType(const char*) const noexcept override { return DataType::kFLOAT; }
  IExecutionContext* createExecutionContext(ExecutionContextAllocationStrategy) noexcept override {
    return new Context(shape.d[1]);
  }
  Dims shape;
};

struct Runtime final : public IRuntime, apiv::StubVRuntime {
  Runtime() { mImpl = this; }
  ICudaEngine* deserializeCudaEngine(const void* plan, std::size_t size) noexcept override {
    const std::string text(static_cast<const char*>(plan), size);
    return text.compare(0, 5, "plan ") == 0 ? new Engine(text.substr(5)) : nullptr;
  }
};

struct ParserError final : public nvonnxparser::StubIParserError {
  nvonnxparser::ErrorCode code() const override { return kind; }
  const char* desc() const override { return "Assertion failed: no\nhow"; }
  int node() const override { return 3; }
  const char* nodeName() const override { return "/head/TopK"; }
  const char* nodeOperator() const override { return "TopK"; }
  nvonnxparser::ErrorCode kind = nvonnxparser::ErrorCode::kUNSUPPORTED_NODE;
};

struct Parser final : public nvonnxparser::StubIParser {
  explicit Parser(Network* given) : network(given) {}
  bool parse(const void* model, size_t size, const char*) noexcept override {
    network->model.assign(static_cast<const char*>(model), size);
    if (network->model.compare(0, 6, "model ") != 0) {
      error.kind = nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED;
      return false;
    }
    network->input = new Tensor(network->model);
    return network->model.find("unsupported") == std::string::npos;
  }
  int getNbErrors() const noexcept override { return 1; }
  const nvonnxparser::IParserError* getError(int) const noexcept override { return &error; }
  Network* network;
  ParserError error;
};

}  // namespace

extern "C" {

void* createInferBuilder_INTERNAL(void* logger, int32_t) noexcept {
  return static_cast<IBuilder*>(new Builder(static_cast<ILogger*>(logger)));
}
void* createInferRuntime_INTERNAL(void*, int32_t) noexcept {
  return static_cast<IRuntime*>(new Runtime);
}
void* createNvOnnxParser_INTERNAL(void* network, void*, int) noexcept {
  auto* const given = static_cast<INetworkDefinition*>(network);
  return static_cast<nvonnxparser::IParser*>(new Parser(static_cast<Network*>(given)));
}

int32_t getInferLibMajorVersion() noexcept { return NV_TENSORRT_MAJOR; }
int32_t getInferLibMinorVersion() noexcept {
  const char* other = std::getenv("FAKE_MINOR");
  return other == nullptr ? NV_TENSORRT_MINOR : std::atoi(other);
}
int32_t getInferLibPatchVersion() noexcept { return 0; }
int32_t getInferLibBuildVersion() noexcept { return 30; }

}  // extern "C"
