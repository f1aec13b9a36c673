// Element types of TensorRT, what stands for them on the wire, and inputs and outputs of engines.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_TYPES_HPP
#define GRPS_TENSORRT_TYPES_HPP

#include <NvInferRuntime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <grps/plugin/tensors.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace grps::tensorrt {

using Shape = std::vector<int64_t>;

// The shapes that one optimization profile allows an input.
struct ShapeRange {
  Shape least, best, most;
};

// An input or output of an engine.
struct EngineTensor {
  std::string name;
  nvinfer1::DataType type;
  int32_t dtype;                   // the grps_dtype that requests and answers have
  Shape shape;                     // a negative dimension may have any size
  bool is_on_host;                 // such as an input whose values are shapes
  std::vector<ShapeRange> ranges;  // of each profile; for inputs only
};

namespace detail {

struct Type {
  nvinfer1::DataType type;
  int32_t dtype;
  size_t bytes;  // of an element in the engine's memory
  const char *name;
};
inline constexpr Type kTypes[] = {
    {nvinfer1::DataType::kFLOAT, GRPS_FLOAT32, 4, "FLOAT"},
    {nvinfer1::DataType::kHALF, GRPS_FLOAT16, 2, "HALF"},
    {nvinfer1::DataType::kBF16, GRPS_FLOAT32, 2, "BF16"},
    {nvinfer1::DataType::kINT8, GRPS_INT8, 1, "INT8"},
    {nvinfer1::DataType::kINT32, GRPS_INT32, 4, "INT32"},
    {nvinfer1::DataType::kINT64, GRPS_INT64, 8, "INT64"},
    {nvinfer1::DataType::kUINT8, GRPS_UINT8, 1, "UINT8"},
    {nvinfer1::DataType::kBOOL, GRPS_UINT8, 1, "BOOL"},
};

// The type of an input or output, which `what` names; throws std::runtime_error for one that
// nothing on the wire stands for.
inline const Type &TypeOf(const std::string &what, nvinfer1::DataType type) {
  std::string known;
  for (const Type &one : kTypes) {
    if (one.type == type) return one;
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  throw std::runtime_error(what + " has TensorRT's type " +
                           std::to_string(static_cast<int32_t>(type)) +
                           ", which is not supported; supported: " + known +
                           "; cast it in the network before the engine is built");
}

inline size_t BytesOf(const EngineTensor &tensor, const Shape &shape) {
  return static_cast<size_t>(grps::detail::CountOf(shape)) * TypeOf(tensor.name, tensor.type).bytes;
}

// The upper half of a float32, rounded to the nearest, to even between two.
inline uint16_t ToBfloat16(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  // Rounding could carry a NaN over to infinity or zero.
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16);
}
inline float FromBfloat16(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float made = 0;
  std::memcpy(&made, &bits, sizeof(made));
  return made;
}

// Writes elements of the wire into the memory of an engine.
inline void Encode(nvinfer1::DataType type, const void *from, size_t count, size_t bytes,
                   void *to) {
  if (count == 0) return;
  if (type == nvinfer1::DataType::kBF16) {
    const auto *values = static_cast<const float *>(from);
    for (size_t at = 0; at < count; ++at) static_cast<uint16_t *>(to)[at] = ToBfloat16(values[at]);
  } else if (type == nvinfer1::DataType::kBOOL) {
    const auto *values = static_cast<const uint8_t *>(from);
    for (size_t at = 0; at < count; ++at) static_cast<uint8_t *>(to)[at] = values[at] != 0;
  } else {
    std::memcpy(to, from, bytes);
  }
}

// Writes elements in the memory of an engine as those of the wire.
inline void Decode(nvinfer1::DataType type, const void *from, size_t count, size_t bytes,
                   void *to) {
  if (count == 0) return;
  if (type == nvinfer1::DataType::kBF16) {
    const auto *values = static_cast<const uint16_t *>(from);
    for (size_t at = 0; at < count; ++at) static_cast<float *>(to)[at] = FromBfloat16(values[at]);
  } else {
    Encode(type, from, count, bytes, to);
  }
}

}  // namespace detail

}  // namespace grps::tensorrt

#endif
