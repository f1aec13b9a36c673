/* Metrics of native code that runs in a GRPS service. C11 and C++; needs neither Rust nor Python.
 *
 * Python code of the project asks app_monitor.c_api() for the address of the table and hands it to
 * the native library, which keeps it: it is valid until the process ends. */
#ifndef GRPS_MONITOR_H
#define GRPS_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What counts of the values of one second. */
enum grps_metric_kind {
  GRPS_METRIC_AVG = 0,
  GRPS_METRIC_MAX = 1,
  GRPS_METRIC_MIN = 2,
  GRPS_METRIC_INC = 3, /* their sum, shown per second */
  GRPS_METRIC_CDF = 4  /* their distribution */
};

enum grps_monitor_status {
  GRPS_MONITOR_OK = 0,
  GRPS_MONITOR_NOT_RUNNING = 1, /* no service runs in this process */
  /* unfit kind, a name that is not 1 to 128 bytes of UTF-8 without a star first, or no finite value
   */
  GRPS_MONITOR_INVALID = 2,
  GRPS_MONITOR_REFUSED = 3 /* the name is of another kind, or there are too many names or values */
};

/* A table of functions. Later versions only append to it: look at `size` before you use what a
 * later header has. */
typedef struct grps_monitor_api {
  uint32_t size; /* bytes of the table */
  uint32_t reserved;
  /* Records a value. Any thread may call it, and it does not wait for others. `name` need not end
   * with a zero; it is borrowed for the call. Returns a grps_monitor_status. */
  int32_t (*record)(int32_t kind, const char *name, size_t length, double value);
} grps_monitor_api;

#ifdef __cplusplus
}

#include <string_view>

namespace grps {

/* The same as methods; copies are cheap and refer to the same table. A monitor without a table
 * records nothing. */
class Monitor {
 public:
  Monitor() = default;
  explicit Monitor(const grps_monitor_api *api) : api_(api) {}

  int Avg(std::string_view name, double value) const {
    return Record(GRPS_METRIC_AVG, name, value);
  }
  int Max(std::string_view name, double value) const {
    return Record(GRPS_METRIC_MAX, name, value);
  }
  int Min(std::string_view name, double value) const {
    return Record(GRPS_METRIC_MIN, name, value);
  }
  int Inc(std::string_view name, double value) const {
    return Record(GRPS_METRIC_INC, name, value);
  }
  int Cdf(std::string_view name, double value) const {
    return Record(GRPS_METRIC_CDF, name, value);
  }

 private:
  int Record(int32_t kind, std::string_view name, double value) const {
    if (api_ == nullptr) return GRPS_MONITOR_NOT_RUNNING;
    return api_->record(kind, name.data(), name.size(), value);
  }

  const grps_monitor_api *api_ = nullptr;
};

}  // namespace grps
#endif

#endif
