// edge-infer: runs one model over frames and writes JSON lines.

#include <cstdio>
#include <exception>
#include <new>

#include "benchmark.h"
#include "camera.h"
#include "cli.h"
#include "error.h"
#include "frames.h"
#include "json.h"
#include "log.h"
#include "output.h"
#include "selftest.h"
#include "session.h"
#include "watchdog.h"

namespace edge_infer {
namespace {

// The contract with those who start this program; docs/design.md of the project.
enum ExitStatus : int {
  kDone = 0,
  kNotWritten = 1,
  kConfiguration = 2,
  kBrokenFrames = 3,
  kOthers = 4,
  kCamera = 5
};

void Infer(const Arguments& arguments, const Frame& frame, Session* session, LineWriter* writer,
           std::string* line) {
  session->SetInputs(frame);
  const double milliseconds = session->Invoke();
  line->assign("{\"frame\":");
  AppendString(frame.name, line);
  if (frame.capture) {
    *line += ",\"sequence\":";
    AppendInteger(frame.capture->sequence, line);
    *line += ",\"time\":";
    AppendSeconds(frame.capture->seconds, line);
  }
  *line += ",\"outputs\":";
  session->AppendOutputs(line);
  *line += ",\"ms\":";
  AppendMilliseconds(milliseconds, line);
  *line += '}';
  if (!arguments.raw_output.empty()) {
    for (size_t i = 0; i < session->OutputCount(); ++i) {
      WriteRawOutput(arguments.raw_output, frame.name, i, session->Output(i));
    }
  }
  writer->Write(line);
}

/// Whether all outputs of the frame are as expected; one line says so.
bool Check(const Frame& frame, const Selftest& selftest, Session* session, LineWriter* writer) {
  session->SetInputs(frame);
  session->Invoke();
  std::string wrong;
  for (size_t i = 0; i < session->OutputCount() && wrong.empty(); ++i) {
    wrong = selftest.Compare(frame.name, i, session->Output(i));
  }
  std::string line = "{\"frame\":";
  AppendString(frame.name, &line);
  line += ",\"selftest\":";
  AppendString(wrong.empty() ? "ok" : wrong, &line);
  line += '}';
  writer->Write(&line);
  return wrong.empty();
}

/// All frames, or with --benchmark the first good one.
int RunFrames(const Arguments& arguments, const std::optional<Selftest>& selftest, Source* source,
              Session* session, LineWriter* writer, const StopSignals& signals,
              Watchdog* watchdog) {
  Frame frame;
  std::string line;
  bool broken = false;
  bool others = false;
  for (;;) {
    watchdog->Feed();
    try {
      if (!source->Next(&frame)) break;
      if (arguments.benchmark) {
        session->SetInputs(frame);
        break;
      }
      if (selftest) {
        others = !Check(frame, *selftest, session, writer) || others;
        continue;
      }
      Infer(arguments, frame, session, writer, &line);
    } catch (const FrameError& error) {
      Log("frame " + frame.name + ": " + error.what());
      broken = true;
    } catch (const std::bad_alloc&) {  // of a big picture; the next one may be smaller
      Log("frame " + frame.name + ": not enough memory");
      broken = true;
    }
  }
  if (others) return kOthers;
  return broken && !signals.Arrived() ? kBrokenFrames : kDone;
}

/// What --input or the configuration names: one camera, or files and standard input.
std::unique_ptr<Source> OpenSource(const std::vector<std::string>& paths, const Config& config,
                                   size_t raw_size, const StopSignals& signals) {
  if (paths.size() == 1 && config.camera && IsCamera(paths[0])) {
    return std::make_unique<Camera>(paths[0], OpenCamera(paths[0], *config.camera), signals);
  }
  return std::make_unique<FrameSource>(paths, raw_size, config.camera, signals);
}

int Run(const Arguments& arguments) {
  Config config = LoadConfig(arguments.config);
  config.kernels = arguments.kernels.value_or(config.kernels);
  config.threads = arguments.threads.value_or(config.threads);
  std::vector<std::string> inputs = arguments.inputs;
  if (inputs.empty() && !config.source.empty()) inputs.push_back(config.source);
  // A benchmark without frames runs on the zeros that the buffers begin with.
  if (inputs.empty() && !arguments.benchmark) {
    throw ConfigError("no --input, and no source in the configuration");
  }

  Watchdog watchdog;
  const StopSignals signals(&watchdog);
  Timings timings;
  const double start = Now();
  Session session(config);
  timings.load_ms = Now() - start;
  watchdog.Start();

  const auto source = OpenSource(inputs, config, session.RawFrameSize(), signals);
  LineWriter writer(arguments.output);
  std::optional<Selftest> selftest;
  if (!arguments.selftest.empty()) selftest.emplace(arguments.selftest, OutputSpecs(config));
  const int status =
      RunFrames(arguments, selftest, source.get(), &session, &writer, signals, &watchdog);
  if (arguments.benchmark) {
    Measure(&session, arguments.warm_up, arguments.iterations, signals, &timings);
    std::string line = BenchmarkJson(config, session.Delegated(), std::move(timings));
    writer.Write(&line);
  }
  return status;
}

int Main(int argc, char** argv) {
  const Arguments arguments = ParseArguments(argc, argv);
  if (arguments.help) {
    std::fputs(kUsage, stdout);
    return kDone;
  }
  if (arguments.version) {
    std::printf("edge-infer %s (%s %s)\n", EDGE_INFER_VERSION, RuntimeName(),
                RuntimeVersion().c_str());
    return kDone;
  }
  return Run(arguments);
}

}  // namespace
}  // namespace edge_infer

int main(int argc, char** argv) {
  using namespace edge_infer;  // NOLINT(google-build-using-namespace): its only user
  try {
    return Main(argc, argv);
  } catch (const OutputError& error) {
    // A reader that closed the pipe has what it wanted.
    if (!error.closed_pipe) Log(error.what());
    return kNotWritten;
  } catch (const CameraError& error) {
    Log(error.what());
    return kCamera;
  } catch (const std::exception& error) {
    Log(error.what());
    return kConfiguration;
  }
}
