// Messages of tensors to TensorRT bindings, and back.
#pragma once

#include <string>
#include <utility>

#include "converter/tensor_converter.h"

namespace netease::grps {

class TrtTensorConverter : public TensorConverter {
 public:
  Converter *Clone() override { return new TrtTensorConverter(); }

 protected:
  TensorWrapper FromMessage(const ::grps::protos::v1::GenericTensor &tensor) override;
  void ToMessage(const std::pair<std::string, TensorWrapper> &tensor, int64_t first, int64_t rows,
                 ::grps::protos::v1::GenericTensor *made) override;
};

}  // namespace netease::grps
