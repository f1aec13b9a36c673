#include "grps/content.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "grps/errors.h"

namespace grps {

namespace {

// In the order of Content::Data.
constexpr std::array kNames{"no data", "a text", "bytes", "tensors", "an ndarray", "maps"};
static_assert(kNames.size() == std::variant_size_v<Content::Data>);

}  // namespace

Bytes Bytes::from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes bytes;
  std::array<char, 65536> part{};
  while (file.read(part.data(), part.size()), file.gcount() > 0) {
    bytes.data.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) throw InvalidRequest("can't read the file " + path, {});
  return bytes;
}

template <typename T>
const T& Content::get(const char* wanted) const {
  const T* found = std::get_if<T>(&data_);
  if (found == nullptr) {
    throw WrongContent(std::string("the content is ") + kNames[data_.index()] + ", not " + wanted);
  }
  return *found;
}

const std::string& Content::text() const { return get<std::string>("a text"); }
const std::string& Content::bytes() const { return get<Bytes>("bytes").data; }
const Tensors& Content::tensors() const { return get<Tensors>("tensors"); }
const NdArray& Content::ndarray() const { return get<NdArray>("an ndarray"); }
const Maps& Content::maps() const { return get<Maps>("maps"); }

const Tensor& Content::tensor(const std::string& name) const {
  const Tensors& all = tensors();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Tensor& each) { return each.name() == name; });
  if (found == all.end()) throw WrongContent("there is no tensor \"" + name + "\"");
  return *found;
}

}  // namespace grps
