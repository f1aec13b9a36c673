// The service that has loaded the library; there is none in unit tests.
#pragma once

#include <grps/plugin.h>

namespace netease::grps {

// The table of the host; nullptr in unit tests. Set once, before anything of the project runs.
const grps_host *Host();
void SetHost(const grps_host *host);

}  // namespace netease::grps
