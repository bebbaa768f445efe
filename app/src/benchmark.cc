#include "benchmark.h"

#include <sys/resource.h>

#include <algorithm>
#include <numeric>

#include "json.h"

namespace edge_infer {

double Percentile(const std::vector<double>& sorted, int percent) {
  if (sorted.empty()) return 0;
  const size_t rank = (sorted.size() * static_cast<size_t>(percent) + 99) / 100;
  return sorted[std::max<size_t>(rank, 1) - 1];
}

void Measure(Session* session, int warm_up, int iterations, const StopSignals& signals,
             Timings* timings) {
  timings->first_ms = session->Invoke();
  for (int i = 0; i < warm_up && !signals.Arrived(); ++i) session->Invoke();
  timings->iterations_ms.reserve(static_cast<size_t>(iterations));
  for (int i = 0; i < iterations && !signals.Arrived(); ++i) {
    timings->iterations_ms.push_back(session->Invoke());
  }
}

std::string BenchmarkJson(const Config& config, const std::optional<DelegatedNodes>& nodes,
                          Timings timings) {
  std::vector<double>& times = timings.iterations_ms;
  std::sort(times.begin(), times.end());
  const double sum = std::accumulate(times.begin(), times.end(), 0.0);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);

  std::string json = "{\"name\":";
  AppendString(config.name, &json);
  const auto milliseconds = [&json](const char* key, double value) {
    json += std::string(",\"") + key + "\":";
    AppendMilliseconds(value, &json);
  };
  const auto integer = [&json](const char* key, int64_t value) {
    json += std::string(",\"") + key + "\":";
    AppendInteger(value, &json);
  };
  const auto text = [&json](const char* key, const std::string& value) {
    json += std::string(",\"") + key + "\":";
    AppendString(value, &json);
  };
  milliseconds("load_ms", timings.load_ms);
  milliseconds("first_ms", timings.first_ms);
  milliseconds("p50_ms", Percentile(times, 50));
  milliseconds("p90_ms", Percentile(times, 90));
  milliseconds("p99_ms", Percentile(times, 99));
  milliseconds("mean_ms", times.empty() ? 0 : sum / static_cast<double>(times.size()));
  integer("iterations", static_cast<int64_t>(times.size()));
  integer("peak_rss_kib", usage.ru_maxrss);
  integer("threads", config.threads);
  text("kernels", Name(config.kernels));
  text("runtime", RuntimeName());
  text("runtime_version", RuntimeVersion());
  if (!nodes) return json + ",\"delegate\":null}";
  json += ",\"delegate\":{\"library\":";
  AppendString(config.delegate->library, &json);
  integer("taken", static_cast<int64_t>(nodes->taken));
  integer("nodes", static_cast<int64_t>(nodes->all));
  return json + "}}";
}

}  // namespace edge_infer
