// Metrics of a project, which the dashboard and /metrics show: MONITOR_AVG("name", value) and the
// like. Names must not begin with a star.
#pragma once

#include <string>

#include "detail/failure.h"

#define MONITOR_INC(name, value) ::netease::grps::Monitor::Instance().Inc(name, value)
#define MONITOR_MAX(name, value) ::netease::grps::Monitor::Instance().Max(name, value)
#define MONITOR_MIN(name, value) ::netease::grps::Monitor::Instance().Min(name, value)
#define MONITOR_AVG(name, value) ::netease::grps::Monitor::Instance().Avg(name, value)
#define MONITOR_CDF(name, value) ::netease::grps::Monitor::Instance().Cdf(name, value)

namespace netease::grps {

GRPS_EXCEPTION(MonitorException)

enum class AggType { kAvg = 0, kMax = 1, kMin = 2, kInc = 3, kCdf = 4 };

// Any thread may use it. Outside of a service, values are dropped.
class Monitor {
 public:
  Monitor(const Monitor &) = delete;
  Monitor &operator=(const Monitor &) = delete;

  static Monitor &Instance();

  // The service itself collects what is recorded.
  void Init() {}
  void Start() {}
  void Stop() {}

  // Record a value; what counts of those of one second is in the name: their average, maximum,
  // minimum, sum, or distribution.
  void Avg(const std::string &key, float value) { Put(AggType::kAvg, key, value); }
  void Max(const std::string &key, float value) { Put(AggType::kMax, key, value); }
  void Min(const std::string &key, float value) { Put(AggType::kMin, key, value); }
  void Inc(const std::string &key, float value) { Put(AggType::kInc, key, value); }
  void Cdf(const std::string &key, float value) { Put(AggType::kCdf, key, value); }

 private:
  Monitor() = default;
  void Put(AggType type, const std::string &key, float value);
};

}  // namespace netease::grps
