#include "runtime/tensorrt_engine.h"

#include <NvOnnxParser.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "engine_cache.h"
#include "error.h"
#include "file.h"
#include "log.h"
#include "runtime/tensorrt_progress.h"
#include "sha256.h"

namespace edge_infer {
namespace {

using nvinfer1::DataType;

// Each tensor has the type that the model gives it, and products are not rounded to TF32: so the
// answers are within the tolerance of what the host computes.
constexpr char kPrecision[] = "typed-no-tf32";

struct TypePair {
  ElementType ours;
  DataType theirs;
};

constexpr std::array<TypePair, 7> kTypes{{
    {ElementType::kFloat32, DataType::kFLOAT},
    {ElementType::kFloat16, DataType::kHALF},
    {ElementType::kInt8, DataType::kINT8},
    {ElementType::kUint8, DataType::kUINT8},
    {ElementType::kInt32, DataType::kINT32},
    {ElementType::kInt64, DataType::kINT64},
    {ElementType::kBool, DataType::kBOOL},
}};

std::string FirstLine(const char* text) {
  const std::string whole = text == nullptr ? "" : text;
  return whole.substr(0, whole.find('\n'));
}

/// Why the parser does not take the model.
std::string ParserError(const nvonnxparser::IParser& parser) {
  if (parser.getNbErrors() == 0) return "TensorRT cannot parse it";
  const nvonnxparser::IParserError* const error = parser.getError(0);
  if (error->code() == nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED) {
    return "not an ONNX model";
  }
  const std::string what = FirstLine(error->desc());
  const std::string type = FirstLine(error->nodeOperator());
  if (type.empty()) return "TensorRT cannot parse it: " + what;
  return "TensorRT does not take the operator " + type + " of node " +
         std::to_string(error->node()) + " (" + FirstLine(error->nodeName()) + "): " + what;
}

/// Gives inputs whose sizes the model leaves open those of the configuration.
void CloseShapes(const std::vector<TensorSpec>& inputs, nvinfer1::INetworkDefinition* network) {
  std::vector<TensorSpec> found;
  for (int32_t i = 0; i < network->getNbInputs(); ++i) {
    const nvinfer1::ITensor* const input = network->getInput(i);
    found.push_back(ToSpec(input->getName(), input->getType(), input->getDimensions()));
  }
  CheckTensors("input", inputs, InOrderOf(inputs, found));
  for (int32_t i = 0; i < network->getNbInputs(); ++i) {
    nvinfer1::ITensor* const input = network->getInput(i);
    for (const TensorSpec& spec : inputs) {
      if (spec.name == input->getName()) input->setDimensions(ToDims(spec.shape));
    }
  }
}

/// The engine as it is kept.
std::unique_ptr<nvinfer1::IHostMemory> Build(const std::string& path, const MappedFile& model,
                                             const std::vector<TensorSpec>& inputs,
                                             TensorRtLogger* logger) {
  logger->Clear();
  const std::unique_ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(*logger));
  if (!builder) throw ConfigError("TensorRT cannot start its builder" + logger->Error());
  const auto typed = nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED;
  const std::unique_ptr<nvinfer1::INetworkDefinition> network(
      builder->createNetworkV2(1U << static_cast<uint32_t>(typed)));
  const std::unique_ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
  if (!network || !config) throw ConfigError("TensorRT cannot make a network" + logger->Error());
  const std::unique_ptr<nvonnxparser::IParser> parser(
      nvonnxparser::createParser(*network, *logger));
  if (!parser) throw ConfigError("TensorRT cannot start its parser" + logger->Error());
  // The path tells where weights in files of their own are.
  if (!parser->parse(model.data(), model.size(), path.c_str())) {
    throw ConfigError(path + ": " + ParserError(*parser));
  }
  CloseShapes(inputs, network.get());
  config->clearFlag(nvinfer1::BuilderFlag::kTF32);
  TensorRtProgress progress;
  config->setProgressMonitor(&progress);
  std::unique_ptr<nvinfer1::IHostMemory> engine(builder->buildSerializedNetwork(*network, *config));
  if (!engine) throw ConfigError(path + ": cannot build its engine" + logger->Error());
  return engine;
}

/// Keeps a new engine. A cache that cannot be written is no reason not to run.
void Keep(const std::string& name, const nvinfer1::IHostMemory& engine) {
  const std::string folder = EngineFolder();
  const Bytes bytes = {static_cast<const uint8_t*>(engine.data()), engine.size()};
  const int error = WriteEngine(folder, name, bytes);
  Log(error == 0 ? "engine kept: " + folder + "/" + name
                 : folder + ": " + std::strerror(error) + ": the next start builds it again");
  if (error == 0 && std::getenv("CACHE_DIRECTORY") != nullptr) ForgetEngines(folder, name);
}

}  // namespace

void TensorRtLogger::log(Severity severity, const char* message) noexcept {
  if (severity > Severity::kERROR) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (error_.empty()) error_ = FirstLine(message);
}

void TensorRtLogger::Clear() {
  const std::lock_guard<std::mutex> lock(mutex_);
  error_.clear();
}

std::string TensorRtLogger::Error() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return error_.empty() ? "" : ": TensorRT: " + error_;
}

void CheckCuda(int status, const std::string& what) {
  if (status == cudaSuccess) return;
  throw ConfigError(what + ": CUDA: " + cudaGetErrorString(static_cast<cudaError_t>(status)));
}

std::string TensorRtVersion() {
  return std::to_string(getInferLibMajorVersion()) + "." +
         std::to_string(getInferLibMinorVersion()) + "." +
         std::to_string(getInferLibPatchVersion()) + "." +
         std::to_string(getInferLibBuildVersion());
}

std::string GpuName() {
  int count = 0;
  CheckCuda(cudaGetDeviceCount(&count), "TensorRT needs a GPU");
  if (count == 0) throw ConfigError("TensorRT needs a GPU, and there is none");
  cudaDeviceProp properties = {};
  CheckCuda(cudaGetDeviceProperties(&properties, 0), "TensorRT needs a GPU");
  return std::string(properties.name) + " " + std::to_string(properties.major) + "." +
         std::to_string(properties.minor);
}

nvinfer1::Dims ToDims(const std::vector<int64_t>& shape) {
  if (shape.size() > nvinfer1::Dims::MAX_DIMS) {
    throw ConfigError("TensorRT's tensors have " + std::to_string(nvinfer1::Dims::MAX_DIMS) +
                      " dimensions at most");
  }
  nvinfer1::Dims dimensions = {};
  dimensions.nbDims = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), dimensions.d);
  return dimensions;
}

TensorSpec ToSpec(const char* name, DataType type, const nvinfer1::Dims& dimensions) {
  TensorSpec spec;
  spec.name = name;
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [type](TypePair pair) { return pair.theirs == type; });
  if (found == kTypes.end()) {
    throw ConfigError("tensor " + spec.name + " has an unsupported type (" +
                      std::to_string(static_cast<int32_t>(type)) + " in TensorRT)");
  }
  spec.type = found->ours;
  spec.shape.assign(dimensions.d, dimensions.d + std::max(dimensions.nbDims, 0));
  return spec;
}

std::vector<TensorSpec> InOrderOf(const std::vector<TensorSpec>& wanted,
                                  std::vector<TensorSpec> found) {
  const auto place = [&wanted](const TensorSpec& spec) {
    return std::find_if(wanted.begin(), wanted.end(),
                        [&spec](const TensorSpec& one) { return one.name == spec.name; });
  };
  std::stable_sort(found.begin(), found.end(), [&place](const TensorSpec& a, const TensorSpec& b) {
    return place(a) < place(b);
  });
  return found;
}

std::unique_ptr<nvinfer1::ICudaEngine> LoadEngine(const std::string& path,
                                                  const std::vector<TensorSpec>& inputs,
                                                  nvinfer1::IRuntime* runtime,
                                                  TensorRtLogger* logger) {
  const MappedFile model(path);
  EngineKey key;
  key.gpu = GpuName();
  key.library = "tensorrt-" + TensorRtVersion();
  key.precision = kPrecision;
  key.model_hash = Sha256({static_cast<const uint8_t*>(model.data()), model.size()});
  // Open shapes are closed by the configuration.
  for (const TensorSpec& input : inputs) key.model_hash += Describe(input);
  const std::string name = EngineFileName(key);

  using Engine = std::unique_ptr<nvinfer1::ICudaEngine>;
  if (const std::optional<std::string> kept = ReadEngine(EngineFolder(), name)) {
    Engine engine(runtime->deserializeCudaEngine(kept->data(), kept->size()));
    if (engine) return engine;
    Log(EngineFolder() + "/" + name + ": refused, is built anew" + logger->Error());
  }
  Log("building the engine of " + path + " for " + key.gpu + "; this takes minutes, and once");
  const std::unique_ptr<nvinfer1::IHostMemory> built = Build(path, model, inputs, logger);
  Engine engine(runtime->deserializeCudaEngine(built->data(), built->size()));
  if (!engine) throw ConfigError(path + ": cannot load its engine" + logger->Error());
  Keep(name, *built);
  return engine;
}

}  // namespace edge_infer
