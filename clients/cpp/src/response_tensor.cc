#include "response_tensor.h"

#include <utility>
#include <variant>
#include <vector>

#include "grps/errors.h"

namespace grps::internal {

Tensor response_tensor(std::string name, Shape shape, Tensor::Elements elements, bool is_float16) {
  try {
    if (!is_float16) return {std::move(name), std::move(shape), std::move(elements)};
    auto floats = std::get<std::vector<float>>(std::move(elements));
    return Tensor::float16(std::move(name), std::move(shape), std::move(floats));
  } catch (const InvalidRequest& error) {
    throw ModelError(std::string("the response is wrong: ") + error.what(), {});
  }
}

}  // namespace grps::internal
