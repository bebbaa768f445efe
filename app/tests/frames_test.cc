#include "frames.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "error.h"
#include "file.h"

namespace edge_infer {
namespace {

/// Writes the pieces into a pipe and cuts what arrives into frames.
std::vector<std::string> Cut(const std::vector<std::string>& pieces, size_t raw_size,
                             bool* broken = nullptr) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::thread writer([&pieces, out = ends[1]] {
    for (const std::string& piece : pieces) {
      WriteAll(out, {reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
      usleep(1000);
    }
    close(out);
  });
  const StopSignals signals;
  StreamReader reader(ends[0], raw_size, signals);
  std::vector<std::string> frames;
  Bytes bytes;
  try {
    while (reader.Next(&bytes)) frames.emplace_back(bytes.begin(), bytes.end());
  } catch (const FrameError&) {
    if (broken != nullptr) *broken = true;
    CHECK_FALSE(reader.Next(&bytes));
  }
  writer.join();
  close(ends[0]);
  return frames;
}

using Frames = std::vector<std::string>;

TEST_CASE("raw frames from a stream") {
  CHECK(Cut({"abc", "def"}, 2) == Frames{"ab", "cd", "ef"});
  CHECK(Cut({}, 2).empty());
  bool broken = false;
  CHECK(Cut({"abc"}, 2, &broken) == Frames{"ab"});
  CHECK(broken);
  const std::string large(3'000'000, 'x');
  CHECK(Cut({large, large}, 3'000'000) == Frames{large, large});
}

TEST_CASE("pictures from a stream") {
  CHECK(Cut({"P5 1 1 25", "5\naP5 1 1 255\nb"}, 0) == Frames{"P5 1 1 255\na", "P5 1 1 255\nb"});
  CHECK(Cut({"P2 1 1 255 7\n\nP2 1 1 255 8"}, 0) == Frames{"P2 1 1 255 7", "P2 1 1 255 8"});
  CHECK(Cut({"\x89PNG", "rest"}, 0) == Frames{"\x89PNGrest"});
  CHECK(Cut({"P5 2 2 255\nabc"}, 0) == Frames{"P5 2 2 255\nabc"});
  bool broken = false;
  CHECK(Cut({"P5 x"}, 0, &broken).empty());
  CHECK(broken);
}

TEST_CASE("files of a folder") {
  char folder[] = "/tmp/edge-infer-test-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string base = folder;
  for (const char* name : {"b", "a", ".hidden", "B"}) std::ofstream(base + "/" + name) << name;
  const StopSignals signals;
  FrameSource source({base, base + "/b"}, 0, std::nullopt, signals);
  Frame frame;
  std::string names;
  while (source.Next(&frame)) names += frame.name;
  CHECK(names == "Babb");
  CHECK_THROWS_AS(FrameSource({base + "/none"}, 0, std::nullopt, signals), ConfigError);
  CHECK_THROWS_AS(FrameSource({"/dev/null"}, 0, std::nullopt, signals), ConfigError);
  for (const char* name : {"b", "a", ".hidden", "B"}) unlink((base + "/" + name).c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace edge_infer
