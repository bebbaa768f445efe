#include "engine_cache.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "sha256.h"

namespace edge_infer {
namespace {

namespace fs = std::filesystem;

Bytes Of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A folder that is gone afterwards.
struct Folder {
  Folder() {
    char name[] = "/tmp/edge-infer-engines-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }

  size_t Files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), {}));
  }

  std::string path;
};

TEST_CASE("SHA-256, the examples of FIPS 180-4 and the lengths around a block") {
  CHECK(Sha256(Of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256(Of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256(Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(Sha256(Of(std::string(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Python's hashlib.
  CHECK(Sha256(Of(std::string(55, 'a'))) ==
        "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(Sha256(Of(std::string(64, 'a'))) ==
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("an engine is for one device, library, precision and model") {
  const EngineKey key = {"Orin 8.7", "tensorrt-10.16.2.10", "5c", "fp32"};
  CHECK(EngineFileName(key).find("tensorrt-10.16.2.10+Orin_8.7+fp32+") == 0);
  std::set<std::string> names = {EngineFileName(key)};
  using Part = std::string EngineKey::*;
  for (const Part part :
       {&EngineKey::gpu, &EngineKey::library, &EngineKey::model_hash, &EngineKey::precision}) {
    EngineKey other = key;
    other.*part += "x";
    names.insert(EngineFileName(other));
  }
  // Names that are the same once they are fit for a file.
  names.insert(EngineFileName({"Orin/8.7", "tensorrt-10.16.2.10", "5c", "fp32"}));
  CHECK(names.size() == 6);
  for (const std::string& name : names) CHECK(name.find('/') == std::string::npos);
}

TEST_CASE("an engine comes back as it was written") {
  const Folder folder;
  const std::string engine("\0plan\n\xff", 7);
  CHECK_FALSE(ReadEngine(folder.path, "a.engine"));
  REQUIRE(WriteEngine(folder.path + "/new", "a.engine", Of(engine)) == 0);
  CHECK(ReadEngine(folder.path + "/new", "a.engine") == engine);
  REQUIRE(WriteEngine(folder.path + "/new", "a.engine", Of("other")) == 0);
  CHECK(ReadEngine(folder.path + "/new", "a.engine") == "other");
  CHECK(folder.Files() == 1);
}

TEST_CASE("a spoilt engine is deleted") {
  const Folder folder;
  const std::string path = folder.path + "/a.engine";
  REQUIRE(WriteEngine(folder.path, "a.engine", Of(std::string(1000, 'e'))) == 0);
  std::ifstream file(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  std::string flipped = good;
  flipped.back() = 'f';
  for (const std::string& bad : {std::string(), good.substr(0, 50), good.substr(0, 600), flipped,
                                 good + "e", std::string(2000, '\0')}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bad;
    CAPTURE(bad.size());
    CHECK_FALSE(ReadEngine(folder.path, "a.engine"));
    CHECK_FALSE(fs::exists(path));
  }
}

TEST_CASE("of a model's engines, this one and the one before are kept") {
  const Folder folder;
  ForgetEngines(folder.path + "/none", "a.engine");
  const auto now = fs::file_time_type::clock::now();
  int age = 0;
  for (const char* name : {"b.engine", "other", "a.engine", "c.engine", "d.engine"}) {
    std::ofstream(folder.path + "/" + name) << name;
    fs::last_write_time(folder.path + "/" + name, now - std::chrono::hours(age++));
  }
  ForgetEngines(folder.path, "d.engine");
  for (const char* name : {"b.engine", "d.engine", "other"}) {
    CHECK(fs::exists(folder.path + "/" + name));
  }
  CHECK(folder.Files() == 3);
}

TEST_CASE("what cannot be written is told, and leaves nothing") {
  const Folder folder;
  CHECK(WriteEngine(folder.path + "/none/below", "a.engine", Of("e")) == ENOENT);
  fs::create_directory(folder.path + "/a.engine");
  CHECK(WriteEngine(folder.path, "a.engine", Of("e")) == EISDIR);
  CHECK(folder.Files() == 1);
}

TEST_CASE("the folder is systemd's, or the system's") {
  unsetenv("CACHE_DIRECTORY");
  CHECK(EngineFolder() == "/var/cache/edge-infer");
  setenv("CACHE_DIRECTORY", "/var/cache/edge-infer/digits:/var/cache/other", 1);
  CHECK(EngineFolder() == "/var/cache/edge-infer/digits");
  unsetenv("CACHE_DIRECTORY");
}

}  // namespace
}  // namespace edge_infer
