// What all messages have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace grps::protos::v1::detail {

// The functions of a message that do not depend on its fields. `M` has Encode and Decode, which
// write and read the protobuf wire format.
template <typename M>
class Message {
 public:
  std::string SerializeAsString() const {
    std::string encoded;
    self().Encode(&encoded);
    return encoded;
  }
  bool SerializeToString(std::string *output) const {
    output->clear();
    return AppendToString(output);
  }
  bool AppendToString(std::string *output) const {
    self().Encode(output);
    return true;
  }
  size_t ByteSizeLong() const { return SerializeAsString().size(); }
  // Returns whether the bytes are an encoded message.
  bool ParseFromArray(const void *data, int size) {
    self() = M();
    return size >= 0 && self().Decode(static_cast<const char *>(data), static_cast<size_t>(size));
  }
  bool ParseFromString(const std::string &data) {
    self() = M();
    return self().Decode(data.data(), data.size());
  }
  bool IsInitialized() const { return true; }
  void Clear() { self() = M(); }
  void CopyFrom(const M &other) { self() = other; }
  // Numbers, texts and maps of the other message replace those here; repeated fields get longer.
  void MergeFrom(const M &other) {
    const std::string encoded = other.SerializeAsString();
    self().Decode(encoded.data(), encoded.size());
  }
  void Swap(M *other) { std::swap(self(), *other); }
  M *New() const { return new M(); }
  // The fields as text, for people.
  std::string DebugString() const { return self().Describe("\n", ""); }
  std::string ShortDebugString() const { return self().Describe(" ", ""); }
  std::string Utf8DebugString() const { return DebugString(); }

 private:
  M &self() { return static_cast<M &>(*this); }
  const M &self() const { return static_cast<const M &>(*this); }
};

}  // namespace grps::protos::v1::detail
