// Tensors that come in, and tensors on their way out.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_TENSORS_HPP
#define GRPS_PLUGIN_TENSORS_HPP

#include <grps/plugin/host.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace grps {

namespace detail {

inline int64_t CountOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

}  // namespace detail

// Elements in memory of somebody else.
template <typename T>
class Span {
 public:
  Span(const T *data, size_t size) : data_(data), size_(size) {}
  const T *data() const { return data_; }
  size_t size() const { return size_; }
  const T *begin() const { return data_; }
  const T *end() const { return data_ + size_; }
  const T &operator[](size_t index) const { return data_[index]; }

 private:
  const T *data_;
  size_t size_;
};

// An input; valid until Infer returns.
class Tensor {
 public:
  explicit Tensor(const grps_tensor &view) : view_(view) {}

  std::string_view name() const { return {view_.name, view_.name_length}; }
  int32_t dtype() const { return view_.dtype; }
  const void *data() const { return view_.data; }
  size_t bytes() const { return view_.bytes; }
  std::vector<int64_t> shape() const { return {view_.shape, view_.shape + view_.rank}; }
  size_t count() const { return static_cast<size_t>(detail::CountOf(shape())); }

  // The elements; throws InputError when they are of another type.
  template <typename T>
  Span<T> As() const {
    Expect(detail::DTypeOf<T>());
    return {static_cast<const T *>(view_.data), view_.bytes / sizeof(T)};
  }

  // A string; throws InputError when the elements are none, std::out_of_range without one.
  std::string_view String(size_t index) const {
    Expect(GRPS_STRING);
    if (index >= count()) throw std::out_of_range("the tensor has no such string");
    const uint64_t begin = view_.offsets[index];
    return {view_.text + begin, static_cast<size_t>(view_.offsets[index + 1] - begin)};
  }

 private:
  void Expect(int32_t dtype) const {
    if (view_.dtype == dtype) return;
    throw InputError("input '" + std::string(name()) + "' is " + detail::NameOf(view_.dtype) +
                     ", not " + detail::NameOf(dtype));
  }

  grps_tensor view_;
};

// What a model says of an input or an output.
struct TensorSpec {
  std::string name;
  int32_t dtype;               // a grps_dtype
  std::vector<int64_t> shape;  // a negative dimension may have any size
};

// The inputs and outputs of a model, in its order.
struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

namespace detail {

inline grps_tensor Describe(std::string_view name, const std::vector<int64_t> &shape,
                            int32_t dtype) {
  grps_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.dtype = dtype;
  tensor.rank = static_cast<uint32_t>(shape.size());
  tensor.shape = shape.data();
  tensor.name = name.data();
  tensor.name_length = name.size();
  return tensor;
}

}  // namespace detail

// Tensors on their way out; valid until Infer returns.
class Outputs {
 public:
  explicit Outputs(grps_outputs *outputs) : outputs_(outputs) {}

  // Adds a tensor and returns the memory for its elements, which is zeroed.
  template <typename T>
  T *Add(std::string_view name, const std::vector<int64_t> &shape) {
    const grps_tensor like = detail::Describe(name, shape, detail::DTypeOf<T>());
    void *data = nullptr;
    detail::Check(detail::host->allocate(outputs_, &like, &data));
    return static_cast<T *>(data);
  }

  // The same for a type that is known at run time: a grps_dtype other than GRPS_STRING.
  void *Add(std::string_view name, int32_t dtype, const std::vector<int64_t> &shape) {
    const grps_tensor like = detail::Describe(name, shape, dtype);
    void *data = nullptr;
    detail::Check(detail::host->allocate(outputs_, &like, &data));
    return data;
  }

  // Adds strings.
  void AddStrings(std::string_view name, const std::vector<int64_t> &shape,
                  const std::vector<std::string> &strings) {
    if (detail::CountOf(shape) != static_cast<int64_t>(strings.size())) {
      throw std::logic_error("output '" + std::string(name) + "' has " +
                             std::to_string(strings.size()) + " strings, which its shape has not");
    }
    grps_tensor tensor = detail::Describe(name, shape, GRPS_STRING);
    std::vector<uint64_t> offsets = {0};
    std::string text;
    for (const std::string &one : strings) offsets.push_back((text += one).size());
    tensor.offsets = offsets.data();
    tensor.text = text.data();
    detail::Check(detail::host->copy(outputs_, &tensor));
  }

  // Adds the memory of an engine without a copy: `owner` keeps it until the answer is written, and
  // may be deleted by any thread. `dtype` is a grps_dtype other than GRPS_STRING.
  template <typename Owner>
  void Lend(std::string_view name, int32_t dtype, const std::vector<int64_t> &shape,
            const void *data, size_t bytes, std::unique_ptr<Owner> owner) {
    grps_tensor tensor = detail::Describe(name, shape, dtype);
    tensor.data = data;
    tensor.bytes = bytes;
    detail::Check(detail::host->lend(outputs_, &tensor, &Delete<Owner>, owner.release()));
  }

  // Adds a vector without a copy: it lives until the answer is written.
  template <typename T>
  void Lend(std::string_view name, const std::vector<int64_t> &shape, std::vector<T> values) {
    auto *owner = new std::vector<T>(std::move(values));
    grps_tensor tensor = detail::Describe(name, shape, detail::DTypeOf<T>());
    tensor.data = owner->data();
    tensor.bytes = owner->size() * sizeof(T);
    detail::Check(detail::host->lend(outputs_, &tensor, &Delete<std::vector<T>>, owner));
  }

 private:
  template <typename Owner>
  static void Delete(void *owner) noexcept {
    delete static_cast<Owner *>(owner);
  }

  grps_outputs *outputs_;
};

}  // namespace grps

#endif
