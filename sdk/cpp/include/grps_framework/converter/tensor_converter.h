// What the converters of all engines have in common.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "converter/converter.h"

namespace netease::grps {

// Messages of tensors to tensors of an engine, and back. The rows of requests that run together are
// joined, and each request gets its own back.
class TensorConverter : public Converter {
 public:
  void PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                  std::vector<std::pair<std::string, TensorWrapper>> &output,
                  GrpsContext &ctx) override;
  void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                   ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) override;
  void BatchPreProcess(std::vector<const ::grps::protos::v1::GrpsMessage *> &inputs,
                       std::vector<std::pair<std::string, TensorWrapper>> &output,
                       std::vector<GrpsContext *> &ctxs) override;
  void BatchPostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                        std::vector<::grps::protos::v1::GrpsMessage *> &outputs,
                        std::vector<GrpsContext *> &ctxs) override;

 protected:
  virtual TensorWrapper FromMessage(const ::grps::protos::v1::GenericTensor &tensor) = 0;
  // Makes rows of a tensor, `rows` of them from `first` on, a part of a message; the whole tensor
  // for rows < 0.
  virtual void ToMessage(const std::pair<std::string, TensorWrapper> &tensor, int64_t first,
                         int64_t rows, ::grps::protos::v1::GenericTensor *made) = 0;
};

}  // namespace netease::grps
