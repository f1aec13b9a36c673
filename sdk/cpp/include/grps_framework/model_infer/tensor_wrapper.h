// A tensor of one of the kinds that converters and inferers hand to each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "grps.pb.h"

#ifdef GRPS_TF_ENABLE
#include <tensorflow/core/framework/tensor.h>
#else
#include <eigen3/unsupported/Eigen/CXX11/Tensor>
#endif

#ifdef GRPS_TORCH_ENABLE
#include <ATen/core/Tensor.h>
#endif

#ifdef GRPS_TRT_ENABLE
#include "model_infer/trt_host_binding.h"
#endif

namespace netease::grps {

// At most one of the pointers is set: a tensor of that kind, which all copies share.
class TensorWrapper {
 public:
  TensorWrapper() = default;

// A kind: its pointer, and what it is made of.
#define GRPS_TENSOR_POINTER(type, name)                                             \
  std::shared_ptr<type> name;                                                       \
  explicit TensorWrapper(std::shared_ptr<type> tensor) : name(std::move(tensor)) {} \
  explicit TensorWrapper(type &&tensor) : name(std::make_shared<type>(std::move(tensor))) {}
#define GRPS_TENSOR(type, name)   \
  GRPS_TENSOR_POINTER(type, name) \
  explicit TensorWrapper(const type &tensor) : name(std::make_shared<type>(tensor)) {}
#define GRPS_EIGEN_TENSORS(type, letter)                          \
  GRPS_TENSOR(GRPS_EIGEN_OF(type, 1), eigen_1d_##letter##_tensor) \
  GRPS_TENSOR(GRPS_EIGEN_OF(type, 2), eigen_2d_##letter##_tensor) \
  GRPS_TENSOR(GRPS_EIGEN_OF(type, 3), eigen_3d_##letter##_tensor) \
  GRPS_TENSOR(GRPS_EIGEN_OF(type, 4), eigen_4d_##letter##_tensor)
  template <typename T, int Rank>
  using EigenOf = Eigen::Tensor<T, Rank>;
#define GRPS_EIGEN_COMMA ,
#define GRPS_EIGEN_OF(type, rank) EigenOf<type GRPS_EIGEN_COMMA rank>

#ifdef GRPS_TF_ENABLE
  GRPS_TENSOR(tensorflow::Tensor, tf_tensor)
#endif
#ifdef GRPS_TORCH_ENABLE
  GRPS_TENSOR(at::Tensor, torch_tensor)
#endif
#ifdef GRPS_TRT_ENABLE
  GRPS_TENSOR_POINTER(TrtHostBinding, trt_host_binding)
#endif
  GRPS_TENSOR(::grps::protos::v1::GenericTensor, generic_tensor)
  GRPS_EIGEN_TENSORS(float, f)
  GRPS_EIGEN_TENSORS(double, d)
  GRPS_EIGEN_TENSORS(int, i)
  GRPS_EIGEN_TENSORS(int64_t, l)
  GRPS_EIGEN_TENSORS(std::string, s)

#undef GRPS_EIGEN_OF
#undef GRPS_EIGEN_COMMA
#undef GRPS_EIGEN_TENSORS
#undef GRPS_TENSOR
#undef GRPS_TENSOR_POINTER
};

}  // namespace netease::grps
