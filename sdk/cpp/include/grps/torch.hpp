// Tensors of plugins as tensors of libtorch and back, without copies.
//
//   find_package(grps REQUIRED COMPONENTS torch)   # the target grps::torch
//
// The headers of libtorch take long to compile: include them in as few files as you can.
#ifndef GRPS_TORCH_HPP
#define GRPS_TORCH_HPP

#include <ATen/Parallel.h>
#include <torch/script.h>

#include <cstdint>
#include <grps/plugin.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps {

namespace detail {

struct TorchType {
  int32_t dtype;
  c10::ScalarType type;
};
inline constexpr TorchType kTorchTypes[] = {
    {GRPS_BOOL, c10::kBool},         {GRPS_UINT8, c10::kByte},    {GRPS_INT8, c10::kChar},
    {GRPS_INT16, c10::kShort},       {GRPS_INT32, c10::kInt},     {GRPS_INT64, c10::kLong},
    {GRPS_FLOAT16, c10::kHalf},      {GRPS_FLOAT32, c10::kFloat}, {GRPS_FLOAT64, c10::kDouble},
    {GRPS_BFLOAT16, c10::kBFloat16},
};

}  // namespace detail

// A tensor in the memory of an input: it must not be written to, and is valid until Infer returns.
inline at::Tensor ToTorch(const Tensor &tensor) {
  for (const auto &[dtype, type] : detail::kTorchTypes) {
    if (dtype != tensor.dtype()) continue;
    return at::from_blob(const_cast<void *>(tensor.data()), tensor.shape(), type);
  }
  throw InputError("input '" + std::string(tensor.name()) + "' is " +
                   detail::NameOf(tensor.dtype()) + ", which this model does not take");
}

// Adds an output. One on the CPU without gaps is not copied; it must not be written to afterwards.
inline void AddTorch(Outputs outputs, std::string_view name, const at::Tensor &tensor) {
  auto owner = std::make_unique<at::Tensor>(tensor.detach().cpu().contiguous());
  for (const auto &[dtype, type] : detail::kTorchTypes) {
    if (type != owner->scalar_type()) continue;
    const void *data = owner->const_data_ptr();
    const size_t bytes = owner->nbytes();
    const std::vector<int64_t> shape = owner->sizes().vec();
    outputs.Lend(name, dtype, shape, data, bytes, std::move(owner));
    return;
  }
  throw std::runtime_error("output '" + std::string(name) + "' is " +
                           c10::toString(owner->scalar_type()) + ", which is not supported");
}

}  // namespace grps

#endif
