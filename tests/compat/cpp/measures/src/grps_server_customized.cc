#include "grps_server_customized.h"

namespace netease::grps {
bool GrpsServerCustomizedLibInit() { return true; }
}  // namespace netease::grps
