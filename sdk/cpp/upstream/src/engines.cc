// The built-in inferers and converters of the engines that the project is built with.
#include "model.h"

#ifdef GRPS_TORCH_ENABLE
#include "model_infer/torch_inferer.h"
#endif
#ifdef GRPS_TF_ENABLE
#include "model_infer/tf_inferer.h"
#endif
#ifdef GRPS_TRT_ENABLE
#include "model_infer/trt_inferer.h"
#endif

namespace netease::grps {

std::unique_ptr<ModelInferer> MakeEngineInferer(const std::string &type) {
#ifdef GRPS_TORCH_ENABLE
  if (type == "torch") return std::make_unique<TorchModelInferer>();
#endif
#ifdef GRPS_TF_ENABLE
  if (type == "tensorflow") return std::make_unique<TfModelInferer>();
#endif
#ifdef GRPS_TRT_ENABLE
  if (type == "tensorrt") return std::make_unique<TrtModelInferer>();
#endif
  (void)type;
  return nullptr;
}

std::unique_ptr<Converter> MakeEngineConverter(const std::string &type) {
#ifdef GRPS_TORCH_ENABLE
  if (type == "torch") return std::make_unique<TorchTensorConverter>();
#endif
#ifdef GRPS_TF_ENABLE
  if (type == "tensorflow") return std::make_unique<TfTensorConverter>();
#endif
#ifdef GRPS_TRT_ENABLE
  if (type == "tensorrt") return std::make_unique<TrtTensorConverter>();
#endif
  (void)type;
  return nullptr;
}

}  // namespace netease::grps
