// Messages of tensors to torch tensors, and back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "converter/converter.h"

namespace netease::grps {

class TorchTensorConverter : public Converter {
 public:
  Converter *Clone() override { return new TorchTensorConverter(); }

  void PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                  std::vector<std::pair<std::string, TensorWrapper>> &output,
                  GrpsContext &ctx) override;
  void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                   ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) override;
  // The rows of all requests are joined, and each request gets its own back.
  void BatchPreProcess(std::vector<const ::grps::protos::v1::GrpsMessage *> &inputs,
                       std::vector<std::pair<std::string, TensorWrapper>> &output,
                       std::vector<GrpsContext *> &ctxs) override;
  void BatchPostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                        std::vector<::grps::protos::v1::GrpsMessage *> &outputs,
                        std::vector<GrpsContext *> &ctxs) override;
};

}  // namespace netease::grps
