#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "session.h"

namespace edge_infer {

struct Timings {
  double load_ms = 0;
  double first_ms = 0;
  std::vector<double> iterations_ms;
};

/// The value that `percent` of the sorted numbers do not exceed (nearest rank).
double Percentile(const std::vector<double>& sorted, int percent);

/// Runs the model on the inputs that are set: once, `warm_up` times, then `iterations` times, or
/// until a signal arrives.
void Measure(Session* session, int warm_up, int iterations, const StopSignals& signals,
             Timings* timings);

/// The JSON object of --benchmark.
std::string BenchmarkJson(const Config& config, const std::optional<DelegatedNodes>& nodes,
                          Timings timings);

}  // namespace edge_infer
