#include "config.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "config_object.h"
#include "error.h"
#include "file.h"

namespace edge_infer {
namespace {

// All that is read as JSON is read here: its parser is what a compiler takes longest for.
using nlohmann::json;

constexpr size_t kMaxConfigBytes = 16 << 20;
constexpr size_t kMaxTensorBytes = size_t{1} << 31;
constexpr int kMaxThreads = 256;
constexpr int kMaxCameraSide = 8192;
constexpr int kMaxCameraRate = 1000;

json ParseJson(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    throw ConfigError(error.what());
  }
}

std::vector<int64_t> ParseShape(const json& value, const std::string& place) {
  if (!value.is_array()) Fail(place, "must be a list of dimensions");
  std::vector<int64_t> shape;
  size_t count = 1;
  for (const json& dimension : value) {
    if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() == 0 ||
        dimension.get<uint64_t>() > kMaxTensorBytes) {
      Fail(place, "must have whole numbers from 1");
    }
    count *= dimension.get<size_t>();
    if (count > kMaxTensorBytes) Fail(place, "is too large");
    shape.push_back(dimension.get<int64_t>());
  }
  return shape;
}

std::optional<Quantization> ParseQuantization(const json* value, const std::string& place) {
  if (value == nullptr) return std::nullopt;
  Object object(*value, place);
  const json& scale = object.Required("scale");
  if (!scale.is_number()) Fail(object.Place("scale"), "must be a number");
  Quantization quantization;
  quantization.scale = scale.get<float>();
  if (!std::isfinite(quantization.scale) || quantization.scale <= 0) {
    Fail(object.Place("scale"), "must be above 0 and a float32");
  }
  quantization.zero_point = object.Integer("zero_point", std::numeric_limits<int32_t>::min(),
                                           std::numeric_limits<int32_t>::max());
  object.Done();
  return quantization;
}

TensorSpec ParseTensor(Object& object) {
  TensorSpec tensor;
  tensor.name = object.String("name");
  const auto type = ParseElementType(object.String("type"));
  if (!type) {
    Fail(object.Place("type"),
         "must be one of float32, float16, int8, uint8, int16, int32, int64, bool");
  }
  tensor.type = *type;
  tensor.shape = ParseShape(object.Required("shape"), object.Place("shape"));
  if (ByteSize(tensor) > kMaxTensorBytes) Fail(object.Place("shape"), "is too large");
  tensor.quantization =
      ParseQuantization(object.Optional("quantization"), object.Place("quantization"));
  if (tensor.quantization && (IsFloat(tensor.type) || tensor.type == ElementType::kBool)) {
    Fail(object.Place("quantization"), std::string("must be null for ") + Name(tensor.type));
  }
  return tensor;
}

std::array<double, 3> ParseChannels(Object& object, const char* key, int channels) {
  const json& value = object.Required(key);
  const std::string problem = "must be a list of " + std::to_string(channels) + " finite number" +
                              (channels == 1 ? "" : "s, one a channel");
  if (!value.is_array() || value.size() != static_cast<size_t>(channels)) {
    Fail(object.Place(key), problem);
  }
  std::array<double, 3> numbers{};
  for (size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_number()) Fail(object.Place(key), problem);
    numbers.at(i) = value[i].get<double>();
    if (!std::isfinite(numbers.at(i))) Fail(object.Place(key), problem);
  }
  return numbers;
}

/// Sets width and height from the shape: [1, h, w, c] or [1, c, h, w], and for gray also [1, h, w].
void SetSize(ImageConfig& image, const std::vector<int64_t>& shape, const std::string& place) {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;
  if (shape.size() == 4) {
    const bool last = image.layout == Layout::kNhwc;
    height = shape[last ? 1 : 2];
    width = shape[last ? 2 : 3];
    channels = shape[last ? 3 : 1];
  } else if (shape.size() == 3) {
    height = shape[1];
    width = shape[2];
  }
  constexpr int64_t kMaxSide = 1 << 15;
  if (height == 0 || shape[0] != 1 || channels != image.channels || height > kMaxSide ||
      width > kMaxSide) {
    Fail(place, "does not fit a picture of " + std::to_string(image.channels) +
                    " channel(s) in this layout, with a batch of 1");
  }
  image.height = static_cast<int>(height);
  image.width = static_cast<int>(width);
}

ImageConfig ParseImage(const json& value, const std::string& place, const TensorSpec& tensor,
                       const std::string& shape_place) {
  Object object(value, place);
  ImageConfig image;
  image.color =
      object.Choice<Color>("color", std::array{"gray", "rgb", "bgr"}, object.String("color"));
  image.layout =
      object.Choice<Layout>("layout", std::array{"nhwc", "nchw"}, object.String("layout"));
  image.resize = object.Choice<Resize>("resize", std::array{"fit", "crop", "letterbox", "none"},
                                       object.String("resize"));
  image.channels = image.color == Color::kGray ? 1 : 3;
  image.mean = ParseChannels(object, "mean", image.channels);
  image.std = ParseChannels(object, "std", image.channels);
  for (int c = 0; c < image.channels; ++c) {
    if (image.std.at(c) == 0) Fail(object.Place("std"), "must not be 0");
  }
  object.Done();
  SetSize(image, tensor.shape, shape_place);
  return image;
}

InputConfig ParseInput(const json& value, const std::string& place) {
  Object object(value, place);
  InputConfig input;
  input.tensor = ParseTensor(object);
  if (const json* image = object.Optional("image")) {
    input.image = ParseImage(*image, object.Place("image"), input.tensor, object.Place("shape"));
  }
  object.Done();
  return input;
}

DelegateConfig ParseDelegate(const json& value, const std::string& place) {
  Object object(value, place);
  DelegateConfig delegate;
  delegate.library = object.String("library");
  if (const json* options = object.Optional("options")) {
    const std::string options_place = object.Place("options");
    if (!options->is_object()) Fail(options_place, "must be an object");
    for (const auto& [key, option] : options->items()) {
      const auto* text = option.get_ptr<const json::string_t*>();
      // They become C strings.
      const bool usable = text != nullptr && text->find('\0') == std::string::npos &&
                          key.find('\0') == std::string::npos;
      if (!usable) Fail(options_place, "must have strings without NUL characters");
      delegate.options.emplace_back(key, *text);
    }
  }
  delegate.model = object.String("model", "");
  object.Done();
  return delegate;
}

CameraConfig ParseCamera(const json& value, const std::string& place) {
  Object object(value, place);
  CameraConfig camera;
  camera.format = object.Choice<CameraFormat>("format", std::array{"yuyv", "nv12", "mjpeg"},
                                              object.String("format"));
  camera.width = static_cast<int>(object.Integer("width", 1, kMaxCameraSide));
  camera.height = static_cast<int>(object.Integer("height", 1, kMaxCameraSide));
  if (object.Optional("rate") != nullptr) {
    camera.rate = static_cast<int>(object.Integer("rate", 1, kMaxCameraRate));
  }
  object.Done();
  // Two columns, and with nv12 two rows, share their colour.
  if (camera.format != CameraFormat::kMjpeg && camera.width % 2 != 0) {
    Fail(object.Place("width"), std::string("must be even for ") + Name(camera.format));
  }
  if (camera.format == CameraFormat::kNv12 && camera.height % 2 != 0) {
    Fail(object.Place("height"), "must be even for nv12");
  }
  return camera;
}

OutputConfig ParseOutput(const json& value, const std::string& place, bool read_labels) {
  Object object(value, place);
  OutputConfig output;
  output.tensor = ParseTensor(object);
  const size_t count = ElementCount(output.tensor);
  output.softmax = object.Boolean("softmax", false);
  output.top_k = static_cast<size_t>(object.Integer("top_k", 0, static_cast<int64_t>(count), 0));
  const std::string labels = object.String("labels", "");
  object.Done();
  if (!labels.empty() && read_labels) {
    try {
      output.labels = ReadLabels(labels, count);
    } catch (const ConfigError& error) {
      Fail(object.Place("labels"), error.what());
    }
  }
  return output;
}

double Number(Object* object, const char* key) {
  const json& value = object->Required(key);
  if (!value.is_number() || value.get<double>() < 0) {
    Fail(object->Place(key), "must be a number, 0 or more");
  }
  return value.get<double>();
}

std::vector<Tolerance> ParseTolerances(std::string_view text, size_t outputs) {
  const json root = ParseJson(text);
  Object object(root, "");
  const json& list = object.Required("outputs");
  object.Done();
  if (!list.is_array() || list.size() != outputs) {
    Fail("outputs", "must be a list of " + std::to_string(outputs) + ", one for each output");
  }
  std::vector<Tolerance> found;
  for (size_t i = 0; i < list.size(); ++i) {
    Object one(list[i], "outputs[" + std::to_string(i) + "]");
    Tolerance tolerance;
    tolerance.lsb = Number(&one, "lsb");
    tolerance.absolute = Number(&one, "absolute");
    tolerance.relative = Number(&one, "relative");
    one.Done();
    found.push_back(tolerance);
  }
  return found;
}

/// What `parse` makes of the file's text; messages begin with the path.
template <typename Parse>
auto Load(const std::string& path, Parse parse) {
  std::string text;
  if (const int error = ReadFile(path, kMaxConfigBytes, &text)) {
    throw ConfigError(path + ": " + std::strerror(error));
  }
  try {
    return parse(text);
  } catch (const ConfigError& error) {
    throw ConfigError(path + ": " + error.what());
  }
}

}  // namespace

const char* Name(Kernels kernels) {
  return kernels == Kernels::kReference ? "reference" : "default";
}

const char* Name(CameraFormat format) {
  switch (format) {
    case CameraFormat::kYuyv:
      return "yuyv";
    case CameraFormat::kNv12:
      return "nv12";
    default:
      return "mjpeg";
  }
}

std::vector<std::string> ReadLabels(const std::string& path, size_t count) {
  std::string text;
  if (const int error = ReadFile(path, kMaxConfigBytes, &text)) {
    throw ConfigError(path + ": " + std::strerror(error));
  }
  std::vector<std::string> labels;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    size_t length = end - begin;
    if (length > 0 && text[begin + length - 1] == '\r') --length;
    labels.push_back(text.substr(begin, length));
    begin = end + 1;
  }
  if (labels.size() != count) {
    throw ConfigError(path + ": has " + std::to_string(labels.size()) + " labels, the output has " +
                      std::to_string(count) + " values");
  }
  return labels;
}

Config ParseConfig(std::string_view text, bool read_labels) {
  const json root = ParseJson(text);
  Object object(root, "");
  Config config;
  config.name = object.String("name");
  config.model = object.String("model");
  config.threads = static_cast<int>(object.Integer("threads", 1, kMaxThreads, 1));
  config.kernels = object.Choice<Kernels>("kernels", std::array{"default", "reference"},
                                          object.String("kernels", "default"));
  if (const json* delegate = object.Optional("delegate")) {
    config.delegate = ParseDelegate(*delegate, "delegate");
  }
  config.source = object.String("source", "");
  if (const json* camera = object.Optional("camera")) {
    config.camera = ParseCamera(*camera, "camera");
  }
  for (const char* key : {"inputs", "outputs"}) {
    const json& list = object.Required(key);
    if (!list.is_array() || list.empty()) Fail(key, "must be a list that is not empty");
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string place = std::string(key) + "[" + std::to_string(i) + "]";
      if (key[0] == 'i') {
        config.inputs.push_back(ParseInput(list[i], place));
      } else {
        config.outputs.push_back(ParseOutput(list[i], place, read_labels));
      }
    }
  }
  object.Done();
  for (size_t i = 0; i < config.inputs.size(); ++i) {
    if (config.inputs[i].image && config.inputs.size() > 1) {
      Fail("inputs[" + std::to_string(i) + "].image", "must be null: the model has several inputs");
    }
  }
  if (config.camera && !config.inputs.front().image) {
    Fail("camera", "goes with an input that has `image`");
  }
  return config;
}

Config LoadConfig(const std::string& path) {
  return Load(path, [](std::string_view text) { return ParseConfig(text); });
}

std::vector<Tolerance> LoadTolerances(const std::string& path, size_t outputs) {
  return Load(path, [=](std::string_view text) { return ParseTolerances(text, outputs); });
}

std::vector<TensorSpec> InputSpecs(const Config& config) {
  std::vector<TensorSpec> specs;
  specs.reserve(config.inputs.size());
  for (const InputConfig& input : config.inputs) specs.push_back(input.tensor);
  return specs;
}

std::vector<TensorSpec> OutputSpecs(const Config& config) {
  std::vector<TensorSpec> specs;
  specs.reserve(config.outputs.size());
  for (const OutputConfig& output : config.outputs) specs.push_back(output.tensor);
  return specs;
}

}  // namespace edge_infer
