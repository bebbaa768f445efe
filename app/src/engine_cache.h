#pragma once

#include <optional>
#include <string>

#include "bytes.h"

namespace edge_infer {

/// Everything that an engine, a model compiled on the device, depends on.
struct EngineKey {
  std::string gpu;         ///< "Orin 8.7": name and compute capability
  std::string library;     ///< "tensorrt-10.16.2.10"
  std::string model_hash;  ///< SHA-256 of the model's file
  std::string precision;   ///< "fp32"
};

/// A file name: two keys that differ have two names.
std::string EngineFileName(const EngineKey& key);

/// $CACHE_DIRECTORY, which systemd sets (the first folder of it), or /var/cache/edge-infer.
std::string EngineFolder();

/// The engine that WriteEngine() wrote. None when there is no such file; when the file is spoilt,
/// it is deleted and one line on standard error says so.
std::optional<std::string> ReadEngine(const std::string& folder, const std::string& name);

/// Writes the engine with its checksum, whole or not at all. The folder is made if need be.
/// Returns 0 or an errno.
int WriteEngine(const std::string& folder, const std::string& name, Bytes engine);

/// Deletes the other engines of a folder that is one model's own, but for the newest of them: that
/// of the model which a deploy may go back to.
void ForgetEngines(const std::string& folder, const std::string& name);

}  // namespace edge_infer
