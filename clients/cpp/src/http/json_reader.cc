#include "http/json_reader.h"

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "grps/errors.h"
#include "http/base64.h"
#include "response_tensor.h"
#include "statuses.h"

namespace grps::internal {

namespace {

using Json = nlohmann::json;

template <typename Number>
Number read_number(const Json& json) {
  if (json.is_number()) return json.get<Number>();
  const auto& text = json.get_ref<const std::string&>();
  if constexpr (std::numeric_limits<Number>::has_infinity) {
    if (text == "NaN") return std::numeric_limits<Number>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<Number>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<Number>::infinity();
  }
  return static_cast<Number>(std::stoll(text));  // 64-bit integers are strings
}

std::string read_string(const Json& json) {
  if (json.is_object()) return from_base64(json.at("b64").get_ref<const std::string&>());
  return json.get<std::string>();
}

template <typename Element>
Tensor::Elements read_elements(const Json& list) {
  std::vector<Element> elements;
  elements.reserve(list.size());
  for (const Json& each : list) {
    if constexpr (std::is_same_v<Element, std::string>) {
      elements.push_back(read_string(each));
    } else {
      elements.push_back(read_number<Element>(each));
    }
  }
  return elements;
}

Tensor read_tensor(const Json& json) {
  using Read = Tensor::Elements (*)(const Json&);
  static const std::map<std::string, std::pair<const char*, Read>> kTypes{
      {"DT_UINT8", {"flat_uint8", read_elements<std::uint8_t>}},
      {"DT_INT8", {"flat_int8", read_elements<std::int8_t>}},
      {"DT_INT16", {"flat_int16", read_elements<std::int16_t>}},
      {"DT_INT32", {"flat_int32", read_elements<std::int32_t>}},
      {"DT_INT64", {"flat_int64", read_elements<std::int64_t>}},
      {"DT_FLOAT16", {"flat_float16", read_elements<float>}},
      {"DT_FLOAT32", {"flat_float32", read_elements<float>}},
      {"DT_FLOAT64", {"flat_float64", read_elements<double>}},
      {"DT_STRING", {"flat_string", read_elements<std::string>}},
  };
  const auto dtype = json.at("dtype").get<std::string>();
  const auto type = kTypes.find(dtype);
  if (type == kTypes.end()) {
    throw ModelError("the response has a tensor of the unknown type " + dtype, {});
  }
  const auto [field, read] = type->second;
  auto name = json.value("name", std::string());
  auto shape = json.value("shape", Shape());
  static const Json kNone = Json::array();
  const auto found = json.find(field);
  auto elements = read(found == json.end() ? kNone : *found);
  return response_tensor(std::move(name), std::move(shape), std::move(elements),
                         dtype == "DT_FLOAT16");
}

Tensors read_tensors(const Json& json) {
  Tensors tensors;
  const auto found = json.find("tensors");
  if (found == json.end()) return tensors;
  for (const Json& each : *found) tensors.push_back(read_tensor(each));
  return tensors;
}

void read_nested(const Json& json, NdArray& array, std::size_t dimension) {
  if (!json.is_array()) {
    array.elements.push_back(read_number<double>(json));
    return;
  }
  if (dimension == array.shape.size()) {
    array.shape.push_back(static_cast<std::uint32_t>(json.size()));
  }
  for (const Json& each : json) read_nested(each, array, dimension + 1);
}

NdArray read_ndarray(const Json& json) {
  NdArray array;
  read_nested(json, array, 0);
  return array;
}

template <typename Value, typename Read>
void read_map(const Json& json, const char* name, std::map<std::string, Value>& map, Read read) {
  const auto found = json.find(name);
  if (found == json.end()) return;
  for (const auto& [key, value] : found->items()) map[key] = read(value);
}

Maps read_maps(const Json& json) {
  Maps maps;
  read_map(json, "s_s", maps.strings, [](const Json& value) { return value.get<std::string>(); });
  read_map(json, "s_b", maps.bytes,
           [](const Json& value) { return from_base64(value.get_ref<const std::string&>()); });
  read_map(json, "s_i32", maps.int32s, read_number<std::int32_t>);
  read_map(json, "s_i64", maps.int64s, read_number<std::int64_t>);
  read_map(json, "s_f", maps.floats, read_number<float>);
  read_map(json, "s_d", maps.doubles, read_number<double>);
  return maps;
}

void throw_failure(const Json& json) {
  const auto status = json.find("status");
  if (status == json.end() || status->value("status", "SUCCESS") != "FAILURE") return;
  throw_status(status->value("msg", std::string()), {status->value("code", 500)});
}

Content read_content(const Json& json) {
  if (const auto text = json.find("str_data"); text != json.end()) return text->get<std::string>();
  if (const auto bytes = json.find("bin_data"); bytes != json.end()) {
    return Bytes{from_base64(bytes->get_ref<const std::string&>())};
  }
  if (const auto tensors = json.find("gtensors"); tensors != json.end()) {
    return read_tensors(*tensors);
  }
  if (const auto array = json.find("ndarray"); array != json.end()) return read_ndarray(*array);
  if (const auto maps = json.find("gmap"); maps != json.end()) return read_maps(*maps);
  return {};
}

}  // namespace

Content read_json(std::string_view json) {
  try {
    const Json message = Json::parse(json);
    if (!message.is_object()) throw ModelError("the response is not a message", {});
    throw_failure(message);
    return read_content(message);
  } catch (const Json::exception& error) {
    throw ModelError(std::string("the response is not a message: ") + error.what(), {});
  } catch (const std::logic_error& error) {  // of a number in a string
    throw ModelError(std::string("the response has no number in ") + error.what(), {});
  }
}

std::string read_error_text(std::string_view body) {
  const Json message = Json::parse(body, nullptr, false);
  if (message.is_object()) {
    const auto status = message.find("status");
    if (status != message.end() && status->is_object()) {
      return status->value("msg", std::string());
    }
  }
  return std::string(body.substr(0, 1024));
}

}  // namespace grps::internal
