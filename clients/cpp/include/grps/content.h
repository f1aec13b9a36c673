// What a request and a result contain.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "grps/tensor.h"

namespace grps {

// Bytes that are not text, such as an encoded image.
struct Bytes {
  std::string data;

  // Reads a file. Throws InvalidRequest if it can't be read.
  static Bytes from_file(const std::string& path);
};

// Named values of several types; the wire protocol calls them gmap.
struct Maps {
  std::map<std::string, std::string> strings;
  std::map<std::string, std::string> bytes;
  std::map<std::string, std::int32_t> int32s;
  std::map<std::string, std::int64_t> int64s;
  std::map<std::string, float> floats;
  std::map<std::string, double> doubles;
};

using Tensors = std::vector<Tensor>;

// The data of a request or of a result: nothing, a text, bytes, tensors, nested lists or maps.
// Every accessor throws WrongContent if there is something else.
class Content {
 public:
  using Data = std::variant<std::monostate, std::string, Bytes, Tensors, NdArray, Maps>;

  Content() = default;
  // Conversions are implicit, so that predict("hello") works. A text must be UTF-8.
  Content(std::string text) : data_(std::move(text)) {}          // NOLINT(google-explicit-*)
  Content(const char* text) : data_(std::string(text)) {}        // NOLINT(google-explicit-*)
  Content(Bytes bytes) : data_(std::move(bytes)) {}              // NOLINT(google-explicit-*)
  Content(Tensor tensor) : data_(Tensors{std::move(tensor)}) {}  // NOLINT(google-explicit-*)
  Content(Tensors tensors) : data_(std::move(tensors)) {}        // NOLINT(google-explicit-*)
  Content(NdArray ndarray) : data_(std::move(ndarray)) {}        // NOLINT(google-explicit-*)
  Content(Maps maps) : data_(std::move(maps)) {}                 // NOLINT(google-explicit-*)

  bool is_empty() const { return std::holds_alternative<std::monostate>(data_); }
  const std::string& text() const;
  const std::string& bytes() const;
  const Tensors& tensors() const;
  // The tensor with this name; throws WrongContent if there is none.
  const Tensor& tensor(const std::string& name) const;
  const NdArray& ndarray() const;
  const Maps& maps() const;

  const Data& data() const { return data_; }

 private:
  template <typename T>
  const T& get(const char* wanted) const;

  Data data_;
};

using Result = Content;

}  // namespace grps
