// bare_benchmark CONFIG FRAME ROUNDS: what the program costs on top of LiteRtRunCompiledModel. The
// same model runs bare, through Session::Invoke() (what --benchmark measures), and for a whole
// frame (input, run, JSON line), in turns, so that a slow moment of the machine meets all three.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "benchmark.h"
#include "error.h"
#include "file.h"
#include "runtime/litert_handles.h"
#include "runtime/litert_tensors.h"
#include "session.h"

namespace edge_infer {
namespace {

using litert::Check;
using litert::Owned;

/// Nothing but the runtime: buffers are made once and never locked. For models of closed shapes
/// whose signature has the order of the graph.
class Bare {
 public:
  explicit Bare(const Config& config)
      : file_(config.model), environment_(litert::CreateEnvironment()) {
    Check(LiteRtCreateModelFromBuffer(environment_.get(), file_.data(), file_.size(), model_.out()),
          config.model);
    LoadOptions load;
    load.threads = config.threads;
    load.kernels = config.kernels;
    const auto options = litert::CreateOptions(load);
    Check(
        LiteRtCreateCompiledModel(environment_.get(), model_.get(), options.get(), compiled_.out()),
        config.model);
    for (const TensorSpec& spec : InputSpecs(config)) {
      Make(spec, &inputs_, LiteRtGetCompiledModelInputBufferRequirements);
    }
    for (const TensorSpec& spec : OutputSpecs(config)) {
      Make(spec, &outputs_, LiteRtGetCompiledModelOutputBufferRequirements);
    }
  }

  void Run() {
    Check(LiteRtRunCompiledModel(compiled_.get(), 0, inputs_.size(), inputs_.data(),
                                 outputs_.size(), outputs_.data()),
          "cannot run");
  }

 private:
  template <typename GetRequirements>
  void Make(const TensorSpec& spec, std::vector<LiteRtTensorBuffer>* buffers, GetRequirements get) {
    LiteRtTensorBufferRequirements requirements = nullptr;
    Check(get(compiled_.get(), 0, buffers->size(), &requirements), spec.name);
    const LiteRtRankedTensorType type = litert::TensorType(spec);
    Owned<LiteRtTensorBuffer> buffer(LiteRtDestroyTensorBuffer);
    Check(LiteRtCreateManagedTensorBufferFromRequirements(environment_.get(), &type, requirements,
                                                          buffer.out()),
          spec.name);
    buffers->push_back(buffer.get());
    owned_.push_back(std::move(buffer));
  }

  MappedFile file_;
  Owned<LiteRtEnvironment> environment_;
  Owned<LiteRtModel> model_{LiteRtDestroyModel};
  Owned<LiteRtCompiledModel> compiled_{LiteRtDestroyCompiledModel};
  std::vector<Owned<LiteRtTensorBuffer>> owned_;
  std::vector<LiteRtTensorBuffer> inputs_;
  std::vector<LiteRtTensorBuffer> outputs_;
};

int Main(const std::string& path, const std::string& frame_path, int rounds) {
  const Config config = LoadConfig(path);
  std::string frame;
  if (ReadFile(frame_path, 1 << 30, &frame) != 0) throw ConfigError("cannot read the frame");
  Frame given;
  given.bytes = {reinterpret_cast<const uint8_t*>(frame.data()), frame.size()};
  litert::CheckLibrary();
  Bare bare(config);
  Session session(config);
  session.SetInputs(given);
  std::string line;
  const std::vector<std::function<void()>> kinds{[&] { bare.Run(); }, [&] { session.Invoke(); },
                                                 [&] {
                                                   line.clear();
                                                   session.SetInputs(given);
                                                   session.Invoke();
                                                   session.AppendOutputs(&line);
                                                 }};
  constexpr int kTurn = 50;  // in a row, of which the first are not counted
  constexpr int kWarm = 10;
  std::vector<std::vector<double>> times(kinds.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      for (int i = 0; i < kTurn; ++i) {
        const double start = Now();
        kinds[kind]();
        if (i >= kWarm) times[kind].push_back(Now() - start);
      }
    }
  }
  for (auto& each : times) std::sort(each.begin(), each.end());
  std::printf("{\"bare_ms\": %.6f, \"invoke_ms\": %.6f, \"frame_ms\": %.6f, \"runs\": %zu}\n",
              Percentile(times[0], 50), Percentile(times[1], 50), Percentile(times[2], 50),
              times[0].size());
  return 0;
}

}  // namespace
}  // namespace edge_infer

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[3]) < 1) {
    std::fputs("usage: bare_benchmark CONFIG FRAME ROUNDS\n", stderr);
    return 2;
  }
  try {
    return edge_infer::Main(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_benchmark: %s\n", error.what());
    return 2;
  }
}
