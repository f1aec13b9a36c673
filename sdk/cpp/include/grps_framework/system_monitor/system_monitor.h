// The use of CPU, memory and GPUs, which the service measures itself.
#pragma once

#include "detail/failure.h"

namespace netease::grps {

class SystemMonitor {
 public:
  GRPS_EXCEPTION(SystemMonitorException)

  SystemMonitor(const SystemMonitor &) = delete;
  SystemMonitor &operator=(const SystemMonitor &) = delete;

  static SystemMonitor &Instance();

  void Init() {}
  void Start() {}
  void Stop() {}

 private:
  SystemMonitor() = default;
};

}  // namespace netease::grps
