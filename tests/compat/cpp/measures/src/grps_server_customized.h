#pragma once

namespace netease::grps {
bool GrpsServerCustomizedLibInit();
}  // namespace netease::grps
