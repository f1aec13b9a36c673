// Tensors of responses.
#pragma once

#include <string>

#include "grps/tensor.h"

namespace grps::internal {

// Throws ModelError if the elements do not fit the shape: the response is wrong then.
Tensor response_tensor(std::string name, Shape shape, Tensor::Elements elements, bool is_float16);

}  // namespace grps::internal
