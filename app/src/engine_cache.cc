#include "engine_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "file.h"
#include "log.h"
#include "sha256.h"

namespace edge_infer {
namespace {

// The first line of the file; the checksum of what follows is the second.
constexpr std::string_view kMagic = "edge-infer engine 1\n";
constexpr size_t kHeader = kMagic.size() + 64 + 1;
// 16 GiB, where memory is counted with more than 32 bits.
constexpr auto kMaxEngine = static_cast<size_t>(
    std::min<uint64_t>(uint64_t{1} << 34, std::numeric_limits<size_t>::max() / 2));

Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string Header(Bytes engine) { return std::string(kMagic) + Sha256(engine) + "\n"; }

int WriteWhole(int descriptor, Bytes engine) {
  if (const int error = WriteAll(descriptor, AsBytes(Header(engine)))) return error;
  if (const int error = WriteAll(descriptor, engine)) return error;
  // Else after a power cut the name could be there without the content.
  return fsync(descriptor) == 0 ? 0 : errno;
}

}  // namespace

std::string EngineFileName(const EngineKey& key) {
  std::string name;
  for (const std::string* part : {&key.library, &key.gpu, &key.precision}) {
    for (const char c : *part) {
      const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
      name += plain ? c : '_';
    }
    name += '+';
  }
  // What was replaced above still counts.
  const std::string all = key.library + '\n' + key.gpu + '\n' + key.precision + '\n';
  return name + Sha256(AsBytes(all + key.model_hash)).substr(0, 32) + ".engine";
}

std::string EngineFolder() {
  const char* given = std::getenv("CACHE_DIRECTORY");
  const std::string folders = given == nullptr ? "" : given;
  const std::string first = folders.substr(0, folders.find(':'));
  return first.empty() ? "/var/cache/edge-infer" : first;
}

std::optional<std::string> ReadEngine(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  std::string contents;
  const int error = ReadFile(path, kMaxEngine, &contents);
  if (error == ENOENT) return std::nullopt;
  if (error == 0 && contents.size() > kHeader) {
    std::string_view engine = contents;
    engine.remove_prefix(kHeader);
    if (contents.compare(0, kHeader, Header(AsBytes(engine))) == 0) {
      contents.erase(0, kHeader);
      return contents;
    }
  }
  Log(path + ": spoilt" + (error ? std::string(" (") + std::strerror(error) + ")" : "") +
      ", is built anew");
  (void)unlink(path.c_str());
  return std::nullopt;
}

int WriteEngine(const std::string& folder, const std::string& name, Bytes engine) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return errno;
  std::string part = folder + "/.engine-XXXXXX";
  const int descriptor = mkostemp(part.data(), O_CLOEXEC);
  if (descriptor < 0) return errno;
  int error = WriteWhole(descriptor, engine);
  if (close(descriptor) != 0 && error == 0) error = errno;
  if (error == 0 && rename(part.c_str(), (folder + "/" + name).c_str()) != 0) error = errno;
  if (error != 0) (void)unlink(part.c_str());
  return error;
}

void ForgetEngines(const std::string& folder, const std::string& name) {
  constexpr std::string_view kEnd = ".engine";
  const std::unique_ptr<DIR, int (*)(DIR*)> files(opendir(folder.c_str()), closedir);
  if (!files) return;
  std::vector<std::pair<time_t, std::string>> others;
  while (const dirent* entry = readdir(files.get())) {
    const std::string file = entry->d_name;
    if (file == name || file.size() < kEnd.size() ||
        file.compare(file.size() - kEnd.size(), kEnd.size(), kEnd) != 0) {
      continue;
    }
    struct stat about {};
    if (stat((folder + "/" + file).c_str(), &about) == 0) others.emplace_back(about.st_mtime, file);
  }
  std::sort(others.begin(), others.end());
  if (!others.empty()) others.pop_back();
  for (const auto& other : others) (void)unlink((folder + "/" + other.second).c_str());
}

}  // namespace edge_infer
