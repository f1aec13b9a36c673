// The devices that inference.yml names.
#pragma once

#include <string>

namespace netease::grps {

// A device, such as "cpu", "cuda:0", "gpu:1" or "original:cpu".
struct DeviceName {
  std::string kind;    // "cpu", "cuda" or "original"
  int index = 0;       // of cuda
  std::string inputs;  // where inputs are with "original"; empty for anything else

  // Throws ModelInferer::InfererException for another text.
  static DeviceName Parse(const std::string &text);
};

}  // namespace netease::grps
