#include "config.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "error.h"

namespace edge_infer {
namespace {

using nlohmann::json;

json Example() {
  return json::parse(R"({
    "name": "digits", "model": "/m.tflite", "threads": 1, "kernels": "default", "source": "/s",
    "inputs": [{"name": "image", "type": "int8", "shape": [1, 8, 6, 1],
                "quantization": {"scale": 0.0039215689, "zero_point": -128},
                "image": {"color": "gray", "layout": "nhwc", "resize": "fit",
                          "mean": [0.0], "std": [255.0]}}],
    "outputs": [{"name": "scores", "type": "int8", "shape": [1, 10],
                 "quantization": {"scale": 0.00390625, "zero_point": -128},
                 "softmax": false, "top_k": 3, "labels": null}]})");
}

std::string ErrorOf(const json& config) {
  try {
    ParseConfig(config.dump());
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the example of the contract") {
  const Config config = ParseConfig(Example().dump());
  CHECK(config.name == "digits");
  REQUIRE(config.inputs.size() == 1);
  REQUIRE(config.inputs[0].image);
  CHECK(config.inputs[0].image->height == 8);
  CHECK(config.inputs[0].image->width == 6);
  CHECK(config.inputs[0].tensor.quantization->scale == 0.0039215689f);
  CHECK(config.outputs[0].top_k == 3);
}

TEST_CASE("a delegate") {
  json config = Example();
  CHECK_FALSE(ParseConfig(config.dump()).delegate);
  config["delegate"] = nullptr;
  CHECK_FALSE(ParseConfig(config.dump()).delegate);
  config["delegate"] = {{"library", "/usr/lib/x.so"}};
  auto delegate = ParseConfig(config.dump()).delegate;
  REQUIRE(delegate);
  CHECK(delegate->library == "/usr/lib/x.so");
  CHECK(delegate->options.empty());
  config["delegate"]["options"] = {{"device", "usb:0"}, {"empty", ""}};
  delegate = ParseConfig(config.dump()).delegate;
  REQUIRE(delegate);
  const std::vector<std::pair<std::string, std::string>> options = {{"device", "usb:0"},
                                                                    {"empty", ""}};
  CHECK(delegate->options == options);
  CHECK(delegate->model.empty());
  config["delegate"]["model"] = "/usr/share/m/compiled.tflite";
  CHECK(ParseConfig(config.dump()).delegate->model == "/usr/share/m/compiled.tflite");
}

TEST_CASE("optional keys") {
  json config = Example();
  for (const char* key : {"softmax", "top_k", "labels"}) config["outputs"][0].erase(key);
  config["inputs"][0]["image"] = nullptr;
  config["inputs"][0]["quantization"] = nullptr;
  CHECK(ErrorOf(config).empty());
  config["camera"] = {{"format", "mjpeg"}, {"width", 640}, {"height", 480}, {"rate", nullptr}};
  CHECK(ErrorOf(config) == "camera: goes with an input that has `image`");
}

TEST_CASE("each mistake is named with its place") {
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"/modle", 1, "modle: not a key"},
      {"/inputs/0/image/resise", 1, "inputs[0].image.resise: not a key"},
      {"/outputs/0/topk", 1, "outputs[0].topk: not a key"},
      {"/threads", "1", "threads: must be a whole number from 1 to 256"},
      {"/threads", 1.5, "threads: must be a whole number from 1 to 256"},
      {"/threads", 18446744073709551615u, "threads: must be a whole number from 1 to 256"},
      {"/kernels", "fast", "kernels: must be one of default, reference"},
      {"/delegate", "x.so", "delegate: must be an object"},
      {"/delegate", {{"options", json::object()}}, "delegate.library: is missing"},
      {"/delegate", {{"library", "x"}, {"option", 1}}, "delegate.option: not a key"},
      {"/delegate",
       {{"library", "x"}, {"model", 1}},
       "delegate.model: must be a string that is not empty"},
      {"/delegate", {{"library", "x"}, {"options", "none"}}, "delegate.options: must be an object"},
      {"/delegate",
       {{"library", "x"}, {"options", {{"verbosity", 3}}}},
       "delegate.options: must have strings without NUL characters"},
      {"/camera", {{"width", 2}, {"height", 2}}, "camera.format: is missing"},
      {"/camera",
       {{"format", "yuyv"}, {"width", 3}, {"height", 2}},
       "camera.width: must be even for yuyv"},
      {"/camera",
       {{"format", "nv12"}, {"width", 2}, {"height", 3}},
       "camera.height: must be even for nv12"},
      {"/camera",
       {{"format", "mjpeg"}, {"width", 3}, {"height", 3}, {"rate", 0}},
       "camera.rate: must be a whole number from 1 to 1000"},
      {"/model", "", "model: must be a string that is not empty"},
      {"/inputs", json::array(), "inputs: must be a list that is not empty"},
      {"/inputs/0/type", "int4",
       "inputs[0].type: must be one of float32, float16, int8, uint8, int16, int32, int64, bool"},
      {"/inputs/0/shape", json::array({1, -1}), "inputs[0].shape: must have whole numbers from 1"},
      {"/inputs/0/shape", json::array({1, 8, 6, 3}),
       "inputs[0].shape: does not fit a picture of 1 channel(s) in this layout, with a batch of 1"},
      {"/inputs/0/quantization/scale", 0,
       "inputs[0].quantization.scale: must be above 0 and a float32"},
      {"/inputs/0/image/std", json::array({0}), "inputs[0].image.std: must not be 0"},
      {"/inputs/0/image/mean", json::array({0, 0, 0}),
       "inputs[0].image.mean: must be a list of 1 finite number"},
      {"/outputs/0/top_k", 11, "outputs[0].top_k: must be a whole number from 0 to 10"},
      {"/outputs/0/softmax", 1, "outputs[0].softmax: must be true or false"},
      {"/outputs/0", json::array(), "outputs[0]: must be an object"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pointer);
    json config = Example();
    config[json::json_pointer(c.pointer)] = c.value;
    CHECK(ErrorOf(config) == c.message);
  }
}

TEST_CASE("missing keys and broken text") {
  json config = Example();
  config.erase("model");
  CHECK(ErrorOf(config) == "model: is missing");
  CHECK_THROWS_AS(ParseConfig("{"), ConfigError);
  CHECK_THROWS_AS(ParseConfig(""), ConfigError);
  CHECK_THROWS_AS(ParseConfig("[]"), ConfigError);
  CHECK_THROWS_AS(ParseConfig(std::string(100000, '[')), ConfigError);
  CHECK_THROWS_AS(LoadConfig("/does/not/exist"), ConfigError);
}

TEST_CASE("several inputs are raw") {
  json config = Example();
  config["inputs"].push_back(config["inputs"][0]);
  CHECK(ErrorOf(config) == "inputs[0].image: must be null: the model has several inputs");
}

}  // namespace
}  // namespace edge_infer
