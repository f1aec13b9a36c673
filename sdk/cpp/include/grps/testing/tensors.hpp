// Tensors of a test: inputs of a request, and the outputs that it got.
#ifndef GRPS_TESTING_TENSORS_HPP
#define GRPS_TESTING_TENSORS_HPP

#include <cstring>
#include <grps/plugin.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::testing {

// A tensor with its own memory.
class TensorData {
 public:
  TensorData() = default;
  // Elements in row-major order; throws std::invalid_argument if they don't fill the shape.
  template <typename T>
  TensorData(std::string name, std::vector<int64_t> shape, const std::vector<T> &values)
      : TensorData(std::move(name), grps::detail::DTypeOf<T>(), std::move(shape)) {
    Expect(values.size());
    if constexpr (std::is_same_v<T, bool>) {
      for (const bool value : values) bytes_.push_back(value ? 1 : 0);
    } else {
      const auto *begin = reinterpret_cast<const char *>(values.data());
      bytes_.assign(begin, begin + values.size() * sizeof(T));
    }
  }
  TensorData(std::string name, std::vector<int64_t> shape, std::vector<std::string> strings)
      : TensorData(std::move(name), GRPS_STRING, std::move(shape)) {
    Expect(strings.size());
    strings_ = std::move(strings);
  }
  // Without elements: they are appended, or written to data().
  TensorData(std::string name, int32_t dtype, std::vector<int64_t> shape)
      : name_(std::move(name)), dtype_(dtype), shape_(std::move(shape)) {}

  const std::string &name() const { return name_; }
  int32_t dtype() const { return dtype_; }
  const std::vector<int64_t> &shape() const { return shape_; }
  const std::vector<char> &bytes() const { return bytes_; }
  std::vector<char> &bytes() { return bytes_; }
  const std::vector<std::string> &strings() const { return strings_; }
  std::vector<std::string> &strings() { return strings_; }

  // The elements; throws std::invalid_argument if they are of another type.
  template <typename T>
  std::vector<T> As() const {
    if (dtype_ != grps::detail::DTypeOf<T>()) {
      throw std::invalid_argument("'" + name_ + "' is " + grps::detail::NameOf(dtype_));
    }
    std::vector<T> values(bytes_.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes_.data(), bytes_.size());
    return values;
  }

  // How many rows it has; 1 for a scalar.
  size_t rows() const { return shape_.empty() ? 1 : static_cast<size_t>(shape_[0]); }

  // Some of its rows.
  TensorData Rows(size_t first, size_t count) const {
    TensorData part(name_, dtype_, shape_);
    if (rows() == 0) return part;
    if (!shape_.empty()) part.shape_[0] = static_cast<int64_t>(count);
    const size_t row = bytes_.size() / rows(), texts = strings_.size() / rows();
    part.bytes_.assign(bytes_.begin() + first * row, bytes_.begin() + (first + count) * row);
    part.strings_.assign(strings_.begin() + first * texts,
                         strings_.begin() + (first + count) * texts);
    return part;
  }

  // Appends the rows of another one; throws std::invalid_argument if they don't fit.
  void Append(const TensorData &other) {
    const std::vector<int64_t> mine(shape_.begin() + (shape_.empty() ? 0 : 1), shape_.end());
    const std::vector<int64_t> theirs(other.shape_.begin() + (other.shape_.empty() ? 0 : 1),
                                      other.shape_.end());
    if (shape_.empty() || other.shape_.empty() || mine != theirs || dtype_ != other.dtype_) {
      throw std::invalid_argument("inputs '" + name_ + "' of the requests can't be joined");
    }
    shape_[0] += other.shape_[0];
    bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    strings_.insert(strings_.end(), other.strings_.begin(), other.strings_.end());
  }

 private:
  void Expect(size_t count) const {
    if (static_cast<int64_t>(count) == grps::detail::CountOf(shape_)) return;
    throw std::invalid_argument("'" + name_ + "' has " + std::to_string(count) +
                                " elements, which its shape has not");
  }

  std::string name_;
  int32_t dtype_ = GRPS_FLOAT32;
  std::vector<int64_t> shape_;
  std::vector<char> bytes_;
  std::vector<std::string> strings_;
};

}  // namespace grps::testing

#endif
