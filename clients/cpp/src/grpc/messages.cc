#include "grpc/messages.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "grps/errors.h"
#include "response_tensor.h"
#include "statuses.h"
#include "utf8.h"

namespace grps::internal {

namespace {

using protos::v1::GenericMapData;
using protos::v1::GenericTensor;
using protos::v1::GrpsMessage;

protos::v1::DataType wire_type_of(DataType type) {
  return static_cast<protos::v1::DataType>(static_cast<int>(type) + 1);
}
static_assert(static_cast<int>(DataType::UInt8) + 1 == protos::v1::DT_UINT8 &&
              static_cast<int>(DataType::String) + 1 == protos::v1::DT_STRING);

template <typename Field, typename Element>
void copy(const std::vector<Element>& from, Field* to) {
  to->Assign(from.begin(), from.end());
}

void write_strings(const std::vector<std::string>& elements, GenericTensor& tensor) {
  const bool texts = std::all_of(elements.begin(), elements.end(), is_utf8);
  auto* field = texts ? tensor.mutable_flat_string() : tensor.mutable_flat_bytes();
  for (const std::string& each : elements) *field->Add() = each;
}

void write_elements(const Tensor& from, GenericTensor& to) {
  switch (from.type()) {
    case DataType::UInt8:
      return copy(from.elements<std::uint8_t>(), to.mutable_flat_uint8());
    case DataType::Int8:
      return copy(from.elements<std::int8_t>(), to.mutable_flat_int8());
    case DataType::Int16:
      return copy(from.elements<std::int16_t>(), to.mutable_flat_int16());
    case DataType::Int32:
      return copy(from.elements<std::int32_t>(), to.mutable_flat_int32());
    case DataType::Int64:
      return copy(from.elements<std::int64_t>(), to.mutable_flat_int64());
    case DataType::Float16:
      return copy(from.elements<float>(), to.mutable_flat_float16());
    case DataType::Float32:
      return copy(from.elements<float>(), to.mutable_flat_float32());
    case DataType::Float64:
      return copy(from.elements<double>(), to.mutable_flat_float64());
    case DataType::String:
      return write_strings(from.elements<std::string>(), to);
  }
}

template <typename Element, typename Field>
Tensor::Elements read(const Field& field) {
  return std::vector<Element>(field.begin(), field.end());
}

Tensor::Elements read_elements(const GenericTensor& tensor) {
  switch (tensor.dtype()) {
    case protos::v1::DT_UINT8:
      return read<std::uint8_t>(tensor.flat_uint8());
    case protos::v1::DT_INT8:
      return read<std::int8_t>(tensor.flat_int8());
    case protos::v1::DT_INT16:
      return read<std::int16_t>(tensor.flat_int16());
    case protos::v1::DT_INT32:
      return read<std::int32_t>(tensor.flat_int32());
    case protos::v1::DT_INT64:
      return read<std::int64_t>(tensor.flat_int64());
    case protos::v1::DT_FLOAT16:
      return read<float>(tensor.flat_float16());
    case protos::v1::DT_FLOAT32:
      return read<float>(tensor.flat_float32());
    case protos::v1::DT_FLOAT64:
      return read<double>(tensor.flat_float64());
    case protos::v1::DT_STRING:
      return read<std::string>(tensor.flat_bytes().empty() ? tensor.flat_string()
                                                           : tensor.flat_bytes());
    default:
      throw ModelError("the response has a tensor of an unknown type", {});
  }
}

Tensor read_tensor(const GenericTensor& tensor) {
  return response_tensor(tensor.name(), Shape(tensor.shape().begin(), tensor.shape().end()),
                         read_elements(tensor), tensor.dtype() == protos::v1::DT_FLOAT16);
}

Maps read_maps(const GenericMapData& from) {
  const auto copy_map = [](const auto& map, auto& to) { to.insert(map.begin(), map.end()); };
  Maps maps;
  copy_map(from.s_s(), maps.strings);
  copy_map(from.s_b(), maps.bytes);
  copy_map(from.s_i32(), maps.int32s);
  copy_map(from.s_i64(), maps.int64s);
  copy_map(from.s_f(), maps.floats);
  copy_map(from.s_d(), maps.doubles);
  return maps;
}

void write_data(const std::monostate&, GrpsMessage&) {}

void write_data(const std::string& text, GrpsMessage& message) {
  require_utf8(text, "the text");
  message.set_str_data(text);
}

void write_data(const Bytes& bytes, GrpsMessage& message) { message.set_bin_data(bytes.data); }

void write_data(const Tensors& tensors, GrpsMessage& message) {
  auto* all = message.mutable_gtensors();
  for (const Tensor& each : tensors) {
    require_utf8(each.name(), "the name of a tensor");
    GenericTensor& tensor = *all->add_tensors();
    tensor.set_name(each.name());
    tensor.set_dtype(wire_type_of(each.type()));
    copy(each.shape(), tensor.mutable_shape());
    write_elements(each, tensor);
  }
}

void write_data(const NdArray&, GrpsMessage&) {
  throw InvalidRequest("an ndarray exists over HTTP only; send a grps::Tensor over gRPC", {400});
}

void write_data(const Maps& maps, GrpsMessage& message) {
  const auto copy_map = [](const auto& map, auto* to) {
    for (const auto& [name, value] : map) {
      require_utf8(name, "a name in maps");
      (*to)[name] = value;
    }
  };
  for (const auto& [name, text] : maps.strings) require_utf8(text, "a text in maps");
  auto* to = message.mutable_gmap();
  copy_map(maps.strings, to->mutable_s_s());
  copy_map(maps.bytes, to->mutable_s_b());
  copy_map(maps.int32s, to->mutable_s_i32());
  copy_map(maps.int64s, to->mutable_s_i64());
  copy_map(maps.floats, to->mutable_s_f());
  copy_map(maps.doubles, to->mutable_s_d());
}

}  // namespace

GrpsMessage write_message(const Content& content) {
  GrpsMessage message;
  std::visit([&](const auto& data) { write_data(data, message); }, content.data());
  return message;
}

Content read_message(const GrpsMessage& message) {
  if (message.status().status() == protos::v1::Status::FAILURE) {
    throw_status(message.status().msg(), {message.status().code()});
  }
  switch (message.data_oneof_case()) {
    case GrpsMessage::kStrData:
      return message.str_data();
    case GrpsMessage::kBinData:
      return Bytes{message.bin_data()};
    case GrpsMessage::kGtensors: {
      Tensors tensors;
      for (const GenericTensor& each : message.gtensors().tensors()) {
        tensors.push_back(read_tensor(each));
      }
      return tensors;
    }
    case GrpsMessage::kGmap:
      return read_maps(message.gmap());
    default:
      return {};
  }
}

}  // namespace grps::internal
