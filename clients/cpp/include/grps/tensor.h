// Tensors that are sent to models and come from them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace grps {

// The element types of the wire protocol. Elements of Float16 are floats in memory.
enum class DataType { UInt8, Int8, Int16, Int32, Int64, Float16, Float32, Float64, String };

// Sizes of the dimensions; empty for a scalar.
using Shape = std::vector<std::uint32_t>;

// A named array of elements in row-major order. Threads may share one that none of them changes.
class Tensor {
 public:
  using Elements =
      std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::int16_t>,
                   std::vector<std::int32_t>, std::vector<std::int64_t>, std::vector<float>,
                   std::vector<double>, std::vector<std::string>>;

  // The type of the elements decides the data type; floats are Float32. Strings may be any bytes.
  // Throws InvalidRequest if the number of elements does not fit the shape.
  Tensor(std::string name, Shape shape, Elements elements);

  // A Float16 tensor; the values are rounded by whoever computes with them.
  static Tensor float16(std::string name, Shape shape, std::vector<float> elements);

  const std::string& name() const { return name_; }
  const Shape& shape() const { return shape_; }
  DataType type() const { return type_; }
  std::size_t size() const;

  // The elements as a vector of T, which belongs to the tensor.
  // Throws WrongContent if the tensor has elements of another type.
  template <typename T>
  const std::vector<T>& elements() const {
    const auto* found = std::get_if<std::vector<T>>(&elements_);
    if (found == nullptr) fail_type();
    return *found;
  }

  const Elements& any_elements() const { return elements_; }

 private:
  [[noreturn]] void fail_type() const;

  std::string name_;
  Shape shape_;
  DataType type_;
  Elements elements_;
};

// Numbers as nested lists of JSON; exists over HTTP only. The model decides the element type.
struct NdArray {
  Shape shape;
  std::vector<double> elements;  // in row-major order
};

// The name of a data type as error messages use it, such as "float32".
const char* name_of(DataType type);

}  // namespace grps
