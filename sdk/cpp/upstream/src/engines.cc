// The built-in inferers and converters of the engines that the project is built with.
#include "model.h"

#ifdef GRPS_TORCH_ENABLE
#include "model_infer/torch_inferer.h"
#endif

namespace netease::grps {

std::unique_ptr<ModelInferer> MakeEngineInferer(const std::string &type) {
#ifdef GRPS_TORCH_ENABLE
  if (type == "torch") return std::make_unique<TorchModelInferer>();
#endif
  (void)type;
  return nullptr;
}

std::unique_ptr<Converter> MakeEngineConverter(const std::string &type) {
#ifdef GRPS_TORCH_ENABLE
  if (type == "torch") return std::make_unique<TorchTensorConverter>();
#endif
  (void)type;
  return nullptr;
}

}  // namespace netease::grps
