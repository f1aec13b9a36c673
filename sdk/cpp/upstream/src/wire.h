// The protobuf wire format: what writes and reads the fields of messages.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "detail/repeated.h"

namespace grps::protos::v1::detail {

// How a field is encoded, in the low bits of its tag.
enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

template <typename T>
constexpr WireType WireTypeOf() {
  if constexpr (std::is_same_v<T, float>) return kFixed32;
  if constexpr (std::is_same_v<T, double>) return kFixed64;
  return std::is_class_v<T> ? kLength : kVarint;
}

// Appends fields to encoded bytes. Fields that have their default value are left out.
class Writer {
 public:
  explicit Writer(std::string *output) : output_(output) {}

  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) output_->push_back(static_cast<char>(value | 0x80));
    output_->push_back(static_cast<char>(value));
  }
  void Tag(uint32_t field, WireType type) { Varint(field << 3 | type); }

  // A number without its tag. Negative ones have ten bytes, as protobuf has them.
  template <typename T>
  void Number(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      output_->append(reinterpret_cast<const char *>(&value), sizeof(value));
    } else {
      Varint(static_cast<uint64_t>(static_cast<int64_t>(value)));
    }
  }
  void Bytes(const std::string &value) {
    Varint(value.size());
    output_->append(value);
  }

  template <typename T>
  void Value(uint32_t field, T value) {
    if (value == T()) return;
    Tag(field, WireTypeOf<T>());
    Number(value);
  }
  void Text(uint32_t field, const std::string &value) {
    if (!value.empty()) TextOrEmpty(field, value);
  }
  void TextOrEmpty(uint32_t field, const std::string &value) {
    Tag(field, kLength);
    Bytes(value);
  }
  template <typename M>
  void Nested(uint32_t field, const M &message) {
    TextOrEmpty(field, message.SerializeAsString());
  }
  template <typename T>
  void Numbers(uint32_t field, const Repeated<T> &values) {
    if (values.empty()) return;
    Tag(field, kLength);
    if constexpr (std::is_floating_point_v<T>) {
      const size_t bytes = sizeof(T) * static_cast<size_t>(values.size());
      Varint(bytes);
      output_->append(reinterpret_cast<const char *>(values.data()), bytes);
    } else {
      std::string packed;
      Writer writer(&packed);
      for (const T value : values) writer.Number(value);
      Bytes(packed);
    }
  }
  void Texts(uint32_t field, const Repeated<std::string> &values) {
    for (const std::string &value : values) TextOrEmpty(field, value);
  }
  template <typename T>
  void Entries(uint32_t field, const Map<T> &map) {
    for (const auto &[key, value] : map) {
      std::string entry;
      Writer writer(&entry);
      writer.TextOrEmpty(1, key);
      writer.Tag(2, WireTypeOf<T>());
      if constexpr (std::is_class_v<T>) {
        writer.Bytes(value);
      } else {
        writer.Number(value);
      }
      TextOrEmpty(field, entry);
    }
  }

 private:
  std::string *output_;
};

// Reads fields one after the other. Once the bytes are wrong, ok() is false and nothing is read.
class Reader {
 public:
  Reader(const char *data, size_t size) : at_(data), end_(data + size) {}

  bool ok() const { return ok_; }
  uint32_t field() const { return tag_ >> 3; }

  // Goes to the next field; false at the end, or when the bytes are wrong.
  bool Next() {
    if (!ok_ || at_ == end_) return false;
    tag_ = static_cast<uint32_t>(Varint());
    if (field() == 0) ok_ = false;
    return ok_;
  }

  template <typename T>
  void Value(T *value) {
    if (Expect(WireTypeOf<T>())) *value = Number<T>();
  }
  void Text(std::string *value) {
    if (!Expect(kLength)) return;
    const Reader part = Part();
    if (ok_) value->assign(part.at_, part.end_);
  }
  template <typename M>
  void Nested(M *message) {
    if (!Expect(kLength)) return;
    const Reader part = Part();
    if (ok_) ok_ = message->Decode(part.at_, static_cast<size_t>(part.end_ - part.at_));
  }
  // Numbers, packed or one by one.
  template <typename T>
  void Numbers(Repeated<T> *values) {
    if ((tag_ & 7) != kLength) {
      if (Expect(WireTypeOf<T>())) values->Add(Number<T>());
      return;
    }
    Reader part = Part();
    if (!ok_) return;
    if constexpr (std::is_floating_point_v<T>) {
      const size_t bytes = static_cast<size_t>(part.end_ - part.at_);
      if (bytes % sizeof(T) != 0) {
        ok_ = false;
        return;
      }
      const int before = values->size();
      values->Truncate(before + static_cast<int>(bytes / sizeof(T)));
      if (bytes != 0) std::memcpy(values->mutable_data() + before, part.at_, bytes);
    } else {
      while (part.ok_ && part.at_ != part.end_) values->Add(part.template Number<T>());
      ok_ = part.ok_;
    }
  }
  template <typename T>
  void Entry(Map<T> *map) {
    if (!Expect(kLength)) return;
    Reader part = Part();
    std::string key;
    T value = T();
    while (part.Next()) {
      if (part.field() == 1) {
        part.Text(&key);
      } else if (part.field() != 2) {
        part.Skip();
      } else if constexpr (std::is_class_v<T>) {
        part.Text(&value);
      } else {
        part.Value(&value);
      }
    }
    ok_ = ok_ && part.ok_;
    if (ok_) (*map)[key] = std::move(value);
  }
  // Passes over a field that is not known.
  void Skip() {
    switch (tag_ & 7) {
      case kVarint:
        Varint();
        break;
      case kFixed64:
        Take(8);
        break;
      case kLength:
        Part();
        break;
      case kFixed32:
        Take(4);
        break;
      default:
        ok_ = false;
    }
  }

 private:
  bool Expect(WireType type) {
    if ((tag_ & 7) != type) ok_ = false;
    return ok_;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  const char *Take(size_t size) {
    if (static_cast<size_t>(end_ - at_) < size) {
      ok_ = false;
      return nullptr;
    }
    at_ += size;
    return at_ - size;
  }
  template <typename T>
  T Number() {
    if constexpr (std::is_floating_point_v<T>) {
      T value = 0;
      if (const char *bytes = Take(sizeof(T))) std::memcpy(&value, bytes, sizeof(T));
      return value;
    } else {
      return static_cast<T>(Varint());
    }
  }
  // The bytes of a field with a length.
  Reader Part() {
    const uint64_t size = Varint();
    const char *data = ok_ ? Take(size) : nullptr;
    return data == nullptr ? Reader(end_, 0) : Reader(data, size);
  }

  const char *at_;
  const char *end_;
  uint32_t tag_ = 0;
  bool ok_ = true;
};

}  // namespace grps::protos::v1::detail
