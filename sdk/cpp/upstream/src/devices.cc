// Reading the names of devices.
#include "devices.h"

#include <regex>

#include "model_infer/inferer.h"

namespace netease::grps {

DeviceName DeviceName::Parse(const std::string &text) {
  static const std::regex gpu("(?:cuda|gpu)(?::([0-9]{1,4}))?");
  static const std::regex original("original(?:[: ](.*))?");
  DeviceName device;
  std::smatch found;
  if (text.empty() || text == "cpu") {
    device.kind = "cpu";
  } else if (std::regex_match(text, found, gpu)) {
    device.kind = "cuda";
    device.index = found[1].matched ? std::stoi(found[1]) : 0;
  } else if (std::regex_match(text, found, original)) {
    device.kind = "original";
    device.inputs = found[1].matched ? std::string(found[1]) : "cpu";
  } else {
    throw ModelInferer::InfererException("device '" + text +
                                         "' must be cpu, cuda, cuda:N, gpu, gpu:N or original");
  }
  return device;
}

}  // namespace netease::grps
