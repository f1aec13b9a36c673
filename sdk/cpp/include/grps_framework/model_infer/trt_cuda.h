// Sizes and owners of TensorRT objects.
#pragma once

#include <NvInfer.h>

#include <cstddef>
#include <memory>
#include <stdexcept>

#include "model_infer/cuda_helper.h"

namespace netease::grps {

template <typename T>
using TrtUniquePtr = std::unique_ptr<T>;

// The smallest multiple of n that is not below m.
template <typename T1, typename T2>
inline T1 RoundUp(T1 m, T2 n) {
  return ((m + n - 1) / n) * n;
}

// How many elements a shape has.
inline size_t Volume(const nvinfer1::Dims &dims) {
  size_t count = 1;
  for (int at = 0; at < dims.nbDims; ++at) count *= static_cast<size_t>(dims.d[at]);
  return count;
}
// The same if dimension `vec_dim` is stored in groups of `comps`.
inline size_t Volume(nvinfer1::Dims dims, int vec_dim, int comps) {
  if (vec_dim != -1) dims.d[vec_dim] = RoundUp(dims.d[vec_dim], comps);
  return Volume(dims);
}

// Bytes of an element. Throws std::invalid_argument for types that have none of their own.
inline size_t TrtDtypeSize(nvinfer1::DataType type) {
  switch (type) {
    case nvinfer1::DataType::kBOOL:
    case nvinfer1::DataType::kINT8:
    case nvinfer1::DataType::kUINT8:
    case nvinfer1::DataType::kFP8:
      return 1;
    case nvinfer1::DataType::kHALF:
    case nvinfer1::DataType::kBF16:
      return 2;
    case nvinfer1::DataType::kFLOAT:
    case nvinfer1::DataType::kINT32:
      return 4;
    case nvinfer1::DataType::kINT64:
      return 8;
    default:
      throw std::invalid_argument("elements of this type have no whole bytes");
  }
}

}  // namespace netease::grps
