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
#define GRPS_TENSOR_POINTER(name, ...)                                                     \
  std::shared_ptr<__VA_ARGS__> name;                                                       \
  explicit TensorWrapper(std::shared_ptr<__VA_ARGS__> tensor) : name(std::move(tensor)) {} \
  explicit TensorWrapper(__VA_ARGS__ &&tensor)                                             \
      : name(std::make_shared<__VA_ARGS__>(std::move(tensor))) {}
#define GRPS_TENSOR(name, ...)           \
  GRPS_TENSOR_POINTER(name, __VA_ARGS__) \
  explicit TensorWrapper(const __VA_ARGS__ &tensor) : name(std::make_shared<__VA_ARGS__>(tensor)) {}
#define GRPS_EIGEN_TENSORS(type, letter)                          \
  GRPS_TENSOR(eigen_1d_##letter##_tensor, Eigen::Tensor<type, 1>) \
  GRPS_TENSOR(eigen_2d_##letter##_tensor, Eigen::Tensor<type, 2>) \
  GRPS_TENSOR(eigen_3d_##letter##_tensor, Eigen::Tensor<type, 3>) \
  GRPS_TENSOR(eigen_4d_##letter##_tensor, Eigen::Tensor<type, 4>)

#ifdef GRPS_TF_ENABLE
  GRPS_TENSOR(tf_tensor, tensorflow::Tensor)
#endif
#ifdef GRPS_TORCH_ENABLE
  GRPS_TENSOR(torch_tensor, at::Tensor)
#endif
#ifdef GRPS_TRT_ENABLE
  GRPS_TENSOR_POINTER(trt_host_binding, TrtHostBinding)
#endif
  GRPS_TENSOR(generic_tensor, ::grps::protos::v1::GenericTensor)
  GRPS_EIGEN_TENSORS(float, f)
  GRPS_EIGEN_TENSORS(double, d)
  GRPS_EIGEN_TENSORS(int, i)
  GRPS_EIGEN_TENSORS(int64_t, l)
  GRPS_EIGEN_TENSORS(std::string, s)

#undef GRPS_EIGEN_TENSORS
#undef GRPS_TENSOR
#undef GRPS_TENSOR_POINTER
};

}  // namespace netease::grps
