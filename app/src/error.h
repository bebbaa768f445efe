#pragma once

#include <stdexcept>
#include <string>

namespace edge_infer {

/// The usage, the configuration or the model is wrong: nothing can run. Exit status 2.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One frame cannot be used: it is logged and skipped. Exit status 3 at the end.
struct FrameError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The camera is missing, busy or unplugged, or does not have what it is asked for. Exit status 5.
struct CameraError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Results cannot be written (full disk, closed pipe). Exit status 1.
struct OutputError : std::runtime_error {
  OutputError(const std::string& what, bool closed_pipe)
      : std::runtime_error(what), closed_pipe(closed_pipe) {}
  bool closed_pipe;
};

}  // namespace edge_infer
