#include "http/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>
#include <type_traits>

#include "grps/errors.h"
#include "http/base64.h"
#include "utf8.h"

namespace grps::internal {

namespace {

// JSON that grows at its end. Numbers are as short as they can be without losing a bit.
class Writer {
 public:
  void raw(std::string_view text) { json_ += text; }

  void string(std::string_view text) {
    json_ += '"';
    for (const char each : text) escaped(each);
    json_ += '"';
  }

  void key(std::string_view name) {
    string(name);
    json_ += ':';
  }

  template <typename Number>
  void number(Number value) {
    if constexpr (std::is_floating_point_v<Number>) {
      if (!std::isfinite(value)) {
        raw(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
      }
    }
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    json_.append(digits.data(), end);
  }

  // The elements between two signs, with commas; `write` writes one of them.
  template <typename Range, typename Write>
  void list(char open, const Range& range, char close, Write write) {
    json_ += open;
    bool first = true;
    for (const auto& each : range) {
      if (!first) json_ += ',';
      first = false;
      write(each);
    }
    json_ += close;
  }

  std::string take() { return std::move(json_); }

 private:
  void escaped(char each) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(each);
    if (each == '"' || each == '\\') {
      json_ += '\\';
      json_ += each;
    } else if (code < 0x20) {
      json_ += "\\u00";
      json_ += kHex[code >> 4];
      json_ += kHex[code & 15];
    } else {
      json_ += each;
    }
  }

  std::string json_;
};

std::string_view dtype_of(DataType type) {
  constexpr std::array<std::string_view, 9> kNames{
      "UINT8", "INT8", "INT16", "INT32", "INT64", "FLOAT16", "FLOAT32", "FLOAT64", "STRING"};
  return kNames[static_cast<std::size_t>(type)];
}

void write_element(Writer& writer, const std::string& element) {
  if (is_utf8(element)) {
    writer.string(element);
    return;
  }
  writer.raw("{\"b64\":");
  writer.string(to_base64(element));
  writer.raw("}");
}

template <typename Number>
void write_element(Writer& writer, Number element) {
  writer.number(element);
}

void write_tensor(Writer& writer, const Tensor& tensor) {
  require_utf8(tensor.name(), "the name of a tensor");
  writer.raw("{\"name\":");
  writer.string(tensor.name());
  writer.raw(R"(,"dtype":"DT_)");
  writer.raw(dtype_of(tensor.type()));
  writer.raw(R"(","shape":)");
  writer.list('[', tensor.shape(), ']', [&](std::uint32_t size) { writer.number(size); });
  writer.raw(",\"flat_");
  writer.raw(name_of(tensor.type()));
  writer.raw("\":");
  std::visit(
      [&](const auto& elements) {
        writer.list('[', elements, ']', [&](const auto& each) { write_element(writer, each); });
      },
      tensor.any_elements());
  writer.raw("}");
}

// Writes the lists of one dimension and of those within it; returns where the next ones begin.
std::size_t write_nested(Writer& writer, const NdArray& array, std::size_t dimension,
                         std::size_t position) {
  if (dimension == array.shape.size()) {
    writer.number(array.elements[position]);
    return position + 1;
  }
  writer.raw("[");
  for (std::uint32_t index = 0; index < array.shape[dimension]; ++index) {
    if (index > 0) writer.raw(",");
    position = write_nested(writer, array, dimension + 1, position);
  }
  writer.raw("]");
  return position;
}

void write_data(Writer& writer, const NdArray& array) {
  // A tensor has the same rule for its shape.
  const Tensor checked("ndarray", array.shape, array.elements);
  if (checked.shape().size() > 32) throw InvalidRequest("an ndarray has at most 32 dimensions", {});
  writer.key("ndarray");
  write_nested(writer, array, 0, 0);
}

template <typename Map, typename Write>
void write_map(Writer& writer, bool& first, const char* name, const Map& map, Write write) {
  if (map.empty()) return;
  if (!first) writer.raw(",");
  first = false;
  writer.key(name);
  writer.list('{', map, '}', [&](const auto& entry) {
    require_utf8(entry.first, "a name in maps");
    writer.key(entry.first);
    write(entry.second);
  });
}

void write_data(Writer& writer, const Maps& maps) {
  const auto number = [&](auto value) { writer.number(value); };
  bool first = true;
  writer.raw("\"gmap\":{");
  write_map(writer, first, "s_s", maps.strings, [&](const std::string& text) {
    require_utf8(text, "a text in maps");
    writer.string(text);
  });
  write_map(writer, first, "s_b", maps.bytes,
            [&](const std::string& bytes) { writer.string(to_base64(bytes)); });
  write_map(writer, first, "s_i32", maps.int32s, number);
  write_map(writer, first, "s_i64", maps.int64s, number);
  write_map(writer, first, "s_f", maps.floats, number);
  write_map(writer, first, "s_d", maps.doubles, number);
  writer.raw("}");
}

void write_data(Writer& writer, const std::string& text) {
  require_utf8(text, "the text");
  writer.key("str_data");
  writer.string(text);
}

void write_data(Writer& writer, const Tensors& tensors) {
  writer.raw(R"("gtensors":{"tensors":)");
  writer.list('[', tensors, ']', [&](const Tensor& each) { write_tensor(writer, each); });
  writer.raw("}");
}

void write_data(Writer&, const std::monostate&) {}
void write_data(Writer&, const Bytes&) {}

}  // namespace

std::string write_json(const Content& content) {
  Writer writer;
  writer.raw("{");
  std::visit([&](const auto& data) { write_data(writer, data); }, content.data());
  writer.raw("}");
  return writer.take();
}

}  // namespace grps::internal
