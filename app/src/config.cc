#include "config.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "error.h"
#include "file.h"

namespace edge_infer {
namespace {

using nlohmann::json;

constexpr size_t kMaxConfigBytes = 16 << 20;
constexpr size_t kMaxTensorBytes = size_t{1} << 31;
constexpr int kMaxThreads = 256;

[[noreturn]] void Fail(const std::string& place, const std::string& what) {
  throw ConfigError(place.empty() ? what : place + ": " + what);
}

/// An object of the configuration. Each key is taken once; Done() reports those nobody took.
class Object {
 public:
  Object(const json& value, std::string place) : value_(value), place_(std::move(place)) {
    if (!value.is_object()) Fail(place_, "must be an object");
  }

  std::string Place(const char* key) const { return place_.empty() ? key : place_ + "." + key; }

  /// Null when the key is missing or its value is null.
  const json* Optional(const char* key) {
    taken_.emplace_back(key);
    const auto found = value_.find(key);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }

  const json& Required(const char* key) {
    const json* value = Optional(key);
    if (value == nullptr) Fail(Place(key), "is missing");
    return *value;
  }

  std::string String(const char* key) { return AsString(key, Required(key)); }

  std::string String(const char* key, const char* fallback) {
    const json* value = Optional(key);
    return value == nullptr ? fallback : AsString(key, *value);
  }

  int64_t Integer(const char* key, int64_t low, int64_t high) {
    const json& value = Required(key);
    // A number above int64 is stored as unsigned and must not wrap.
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) ||
        value.get<int64_t>() < low || value.get<int64_t>() > high) {
      Fail(Place(key),
           "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return value.get<int64_t>();
  }

  int64_t Integer(const char* key, int64_t low, int64_t high, int64_t fallback) {
    return Optional(key) == nullptr ? fallback : Integer(key, low, high);
  }

  bool Boolean(const char* key, bool fallback) {
    const json* value = Optional(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) Fail(Place(key), "must be true or false");
    return value->get<bool>();
  }

  /// One of the names; its position is the value of the enumeration.
  template <typename Enum, size_t N>
  Enum Choice(const char* key, const std::array<const char*, N>& names, const std::string& value) {
    std::string all;
    for (size_t i = 0; i < N; ++i) {
      if (value == names.at(i)) return static_cast<Enum>(i);
      all += (i == 0 ? "" : ", ") + std::string(names.at(i));
    }
    Fail(Place(key), "must be one of " + all);
  }

  void Done() const {
    for (const auto& [key, value] : value_.items()) {
      bool known = false;
      for (const char* name : taken_) known = known || key == name;
      if (!known) Fail(Place(key.c_str()), "not a key");
    }
  }

 private:
  std::string AsString(const char* key, const json& value) const {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      Fail(Place(key), "must be a string that is not empty");
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) Fail(Place(key), "has a NUL character");
    return text;
  }

  const json& value_;
  std::string place_;
  std::vector<const char*> taken_;
};

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

}  // namespace

const char* Name(Kernels kernels) {
  return kernels == Kernels::kReference ? "reference" : "default";
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
  json root;
  try {
    root = json::parse(text);
  } catch (const json::exception& error) {
    throw ConfigError(error.what());
  }
  Object object(root, "");
  Config config;
  config.name = object.String("name");
  config.model = object.String("model");
  config.threads = static_cast<int>(object.Integer("threads", 1, kMaxThreads, 1));
  config.kernels = object.Choice<Kernels>("kernels", std::array{"default", "reference"},
                                          object.String("kernels", "default"));
  config.source = object.String("source", "");
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
  return config;
}

Config LoadConfig(const std::string& path) {
  std::string text;
  if (const int error = ReadFile(path, kMaxConfigBytes, &text)) {
    throw ConfigError(path + ": " + std::strerror(error));
  }
  try {
    return ParseConfig(text);
  } catch (const ConfigError& error) {
    throw ConfigError(path + ": " + error.what());
  }
}

std::vector<TensorSpec> InputSpecs(const Config& config) {
  std::vector<TensorSpec> specs;
  for (const InputConfig& input : config.inputs) specs.push_back(input.tensor);
  return specs;
}

std::vector<TensorSpec> OutputSpecs(const Config& config) {
  std::vector<TensorSpec> specs;
  for (const OutputConfig& output : config.outputs) specs.push_back(output.tensor);
  return specs;
}

}  // namespace edge_infer
