// What the inferers of all engines have in common.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "converter/tensor_converter.h"
#include "model_infer/inferer.h"

namespace netease::grps {

// Runs the requests of a batch as one, and messages between the halves of the engine's converter.
class EngineInferer : public ModelInferer {
 public:
  using ModelInferer::Infer;

  void BatchInfer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                  std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                  std::vector<GrpsContext *> &ctxs) override;
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             GrpsContext &ctx) override;
  void BatchInfer(std::vector<const ::grps::protos::v1::GrpsMessage *> &inputs,
                  std::vector<::grps::protos::v1::GrpsMessage *> &outputs,
                  std::vector<GrpsContext *> &ctxs) override;

 protected:
  virtual TensorConverter &tensor_converter() = 0;
};

}  // namespace netease::grps
