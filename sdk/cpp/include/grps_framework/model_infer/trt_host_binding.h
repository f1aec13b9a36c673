// An input or output of a TensorRT engine in the memory of the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "model_infer/trt_cuda.h"

namespace netease::grps {

// One thread at a time uses it.
class TrtHostBinding {
 public:
  // `name` must outlive the binding.
  explicit TrtHostBinding(const char *name, const nvinfer1::Dims &dims,
                          const nvinfer1::DataType &data_type, int vec_dim = -1, int comps = -1)
      : name_(name),
        dims_(dims),
        data_type_(data_type),
        volume_(Volume(dims, vec_dim, comps)),
        buffer_(volume_ * TrtDtypeSize(data_type)) {}
  TrtHostBinding(const TrtHostBinding &) = delete;
  TrtHostBinding &operator=(const TrtHostBinding &) = delete;
  TrtHostBinding(TrtHostBinding &&) = default;
  TrtHostBinding &operator=(TrtHostBinding &&) = default;

  [[nodiscard]] const char *name() const { return name_; }
  [[nodiscard]] const nvinfer1::Dims &dims() const { return dims_; }
  [[nodiscard]] nvinfer1::DataType data_type() const { return data_type_; }
  [[nodiscard]] uint8_t data_type_size() const {
    return static_cast<uint8_t>(TrtDtypeSize(data_type_));
  }
  // How many elements it has, and their bytes.
  [[nodiscard]] size_t volume() const { return volume_; }
  [[nodiscard]] size_t buffer_size() const { return buffer_.Size(); }
  [[nodiscard]] HostBuffer &buffer() { return buffer_; }

  // A description for people.
  [[nodiscard]] std::string DebugString() {
    std::string text = "TrtHostBinding: {name: " + std::string(name_) + ", dims: [";
    for (int at = 0; at < dims_.nbDims; ++at) {
      text += (at == 0 ? "" : ", ") + std::to_string(dims_.d[at]);
    }
    return text + "], data_type: " + std::to_string(static_cast<int>(data_type_)) +
           ", volume: " + std::to_string(volume_) +
           ", buffer_size: " + std::to_string(buffer_size()) + "}";
  }

 private:
  const char *name_;
  nvinfer1::Dims dims_;
  nvinfer1::DataType data_type_;
  size_t volume_;
  HostBuffer buffer_;
};

}  // namespace netease::grps
