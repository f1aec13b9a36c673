// Tensors of plugins as tensors of OpenVINO and back, without copies.
//
//   find_package(grps REQUIRED COMPONENTS openvino)   # the target grps::openvino
#ifndef GRPS_OPENVINO_HPP
#define GRPS_OPENVINO_HPP

#include <cstdint>
#include <grps/plugin.hpp>
#include <memory>
#include <openvino/openvino.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps {

namespace detail {

struct OpenVinoType {
  int32_t dtype;
  ov::element::Type_t type;
};
inline constexpr OpenVinoType kOpenVinoTypes[] = {
    {GRPS_BOOL, ov::element::Type_t::boolean},  {GRPS_UINT8, ov::element::Type_t::u8},
    {GRPS_UINT16, ov::element::Type_t::u16},    {GRPS_UINT32, ov::element::Type_t::u32},
    {GRPS_UINT64, ov::element::Type_t::u64},    {GRPS_INT8, ov::element::Type_t::i8},
    {GRPS_INT16, ov::element::Type_t::i16},     {GRPS_INT32, ov::element::Type_t::i32},
    {GRPS_INT64, ov::element::Type_t::i64},     {GRPS_FLOAT16, ov::element::Type_t::f16},
    {GRPS_BFLOAT16, ov::element::Type_t::bf16}, {GRPS_FLOAT32, ov::element::Type_t::f32},
    {GRPS_FLOAT64, ov::element::Type_t::f64},
};

}  // namespace detail

// A tensor in the memory of an input: it must not be written to, and is valid until Infer returns.
inline ov::Tensor ToOpenVino(const Tensor &tensor) {
  for (const auto &[dtype, type] : detail::kOpenVinoTypes) {
    if (dtype != tensor.dtype()) continue;
    const std::vector<int64_t> shape = tensor.shape();
    return {type, ov::Shape(shape.begin(), shape.end()), const_cast<void *>(tensor.data())};
  }
  throw InputError("input '" + std::string(tensor.name()) + "' is " +
                   detail::NameOf(tensor.dtype()) + ", which this model does not take");
}

// Adds an output by a copy: the request of OpenVINO uses its memory again.
inline void AddOpenVino(Outputs outputs, std::string_view name, const ov::Tensor &tensor) {
  const ov::Shape &sizes = tensor.get_shape();
  const std::vector<int64_t> shape(sizes.begin(), sizes.end());
  for (const auto &[dtype, type] : detail::kOpenVinoTypes) {
    if (type != tensor.get_element_type()) continue;
    void *data = outputs.Add(name, dtype, shape);
    if (tensor.get_byte_size() > 0) std::memcpy(data, tensor.data(), tensor.get_byte_size());
    return;
  }
  throw std::runtime_error("output '" + std::string(name) + "' is " +
                           tensor.get_element_type().get_type_name() + ", which is not supported");
}

}  // namespace grps

#endif
