// A native library of a project, which records metrics of its own.

#include <grps/monitor.h>

static_assert(offsetof(grps_monitor_api, record) == 8, "the layout is frozen");

namespace {
grps::Monitor monitor;
}

extern "C" void attach(const grps_monitor_api *api) { monitor = grps::Monitor(api); }

extern "C" int measure(double value) {
  int failed = 0;
  failed |= monitor.Avg("native-avg", value);
  failed |= monitor.Max("native-max", value);
  failed |= monitor.Min("native-min", value);
  failed |= monitor.Inc("native-inc", value);
  failed |= monitor.Cdf("native-cdf", value);
  return failed;
}
