#include "grps/tensor.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "grps/errors.h"

namespace grps {

namespace {

// In the order of Tensor::Elements.
constexpr std::array kTypes{DataType::UInt8,   DataType::Int8,  DataType::Int16,
                            DataType::Int32,   DataType::Int64, DataType::Float32,
                            DataType::Float64, DataType::String};
static_assert(kTypes.size() == std::variant_size_v<Tensor::Elements>);

std::uint64_t volume(const Shape& shape) {
  std::uint64_t product = 1;
  for (const std::uint32_t size : shape) {
    if (size != 0 && product > std::numeric_limits<std::uint64_t>::max() / size) {
      throw InvalidRequest("a shape has more elements than fit into memory", {400});
    }
    product *= size;
  }
  return product;
}

}  // namespace

Tensor::Tensor(std::string name, Shape shape, Elements elements)
    : name_(std::move(name)),
      shape_(std::move(shape)),
      type_(kTypes[elements.index()]),
      elements_(std::move(elements)) {
  const std::uint64_t wanted = volume(shape_);
  if (wanted != size()) {
    throw InvalidRequest("tensor \"" + name_ + "\" has " + std::to_string(size()) +
                             " elements, its shape asks for " + std::to_string(wanted),
                         {400});
  }
}

Tensor Tensor::float16(std::string name, Shape shape, std::vector<float> elements) {
  Tensor tensor(std::move(name), std::move(shape), std::move(elements));
  tensor.type_ = DataType::Float16;
  return tensor;
}

std::size_t Tensor::size() const {
  return std::visit([](const auto& elements) { return elements.size(); }, elements_);
}

void Tensor::fail_type() const {
  throw WrongContent("tensor \"" + name_ + "\" has elements of type " + name_of(type_));
}

const char* name_of(DataType type) {
  switch (type) {
    case DataType::UInt8:
      return "uint8";
    case DataType::Int8:
      return "int8";
    case DataType::Int16:
      return "int16";
    case DataType::Int32:
      return "int32";
    case DataType::Int64:
      return "int64";
    case DataType::Float16:
      return "float16";
    case DataType::Float32:
      return "float32";
    case DataType::Float64:
      return "float64";
    case DataType::String:
      return "string";
  }
  return "unknown";
}

}  // namespace grps
