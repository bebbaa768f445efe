#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor.h"

namespace edge_infer {

enum class Color { kGray, kRgb, kBgr };
enum class Layout { kNhwc, kNchw };
enum class Resize { kFit, kCrop, kLetterbox, kNone };
enum class CameraFormat { kYuyv, kNv12, kMjpeg };
enum class Kernels { kDefault, kReference };

const char* Name(Kernels kernels);
const char* Name(CameraFormat format);

/// How a picture becomes the input tensor.
struct ImageConfig {
  Color color = Color::kRgb;
  Layout layout = Layout::kNhwc;
  Resize resize = Resize::kFit;
  int width = 0;     ///< of the tensor, from its shape
  int height = 0;    ///< of the tensor, from its shape
  int channels = 0;  ///< 1 or 3, from the colour
  std::array<double, 3> mean{};
  std::array<double, 3> std{};
};

struct InputConfig {
  TensorSpec tensor;
  std::optional<ImageConfig> image;  ///< none: a raw tensor
};

struct OutputConfig {
  TensorSpec tensor;
  bool softmax = false;
  size_t top_k = 0;                 ///< 0: write the values
  std::vector<std::string> labels;  ///< empty, or one for each element
};

/// A plug-in of the runtime that takes nodes of the model from the CPU to an accelerator.
struct DelegateConfig {
  std::string library;  ///< a path, or a name that the dynamic loader finds
  std::vector<std::pair<std::string, std::string>> options;
  std::string model;  ///< the model as it was compiled for it; empty: the model itself
};

/// What a camera is asked for.
struct CameraConfig {
  CameraFormat format = CameraFormat::kYuyv;
  int width = 0;
  int height = 0;
  std::optional<int> rate;  ///< frames a second; none: as the camera likes
};

/// The configuration file; docs/design.md of the project describes it.
struct Config {
  std::string name;
  std::string model;
  int threads = 1;
  Kernels kernels = Kernels::kDefault;
  std::optional<DelegateConfig> delegate;  ///< none: the CPU
  std::string source;                      ///< file, folder, camera, "-", or empty
  std::optional<CameraConfig> camera;      ///< when `source` is one, or raw frames of one
  std::vector<InputConfig> inputs;
  std::vector<OutputConfig> outputs;
};

/// Reads labels from a file: one a line, `count` of them. Throws ConfigError.
std::vector<std::string> ReadLabels(const std::string& path, size_t count);

/// Parses the text of a configuration. The first key that is missing, unknown or of the wrong type
/// throws ConfigError, which names its place as in "inputs[0].image.resize". Label files are read
/// when `read_labels` is set.
Config ParseConfig(std::string_view text, bool read_labels = true);

/// ParseConfig of a file; messages begin with its path.
Config LoadConfig(const std::string& path);

/// How far an output may be from what is expected: integers by `lsb`, floats by
/// `absolute + relative * max |expected|`.
struct Tolerance {
  double lsb = 0;
  double absolute = 0;
  double relative = 0;
};

/// Reads the tolerances of so many outputs from a file. Throws ConfigError.
std::vector<Tolerance> LoadTolerances(const std::string& path, size_t outputs);

std::vector<TensorSpec> InputSpecs(const Config& config);
std::vector<TensorSpec> OutputSpecs(const Config& config);

}  // namespace edge_infer
