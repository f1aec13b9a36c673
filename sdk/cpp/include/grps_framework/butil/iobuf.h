// Bytes of a body, with the functions of butil's buffer that projects use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

namespace butil {

class IOBuf {
 public:
  // A buffer whose bytes are moved to another one.
  struct Movable {
    IOBuf *buffer;
  };

  IOBuf() = default;
  explicit IOBuf(const Movable &other) { append(other); }

  void append(const std::string &bytes) { bytes_.append(bytes); }
  void append(const char *text) { bytes_.append(text); }
  int append(const void *data, size_t size) {
    bytes_.append(static_cast<const char *>(data), size);
    return 0;
  }
  void append(const IOBuf &other) { bytes_.append(other.bytes_); }
  void append(const Movable &other) {
    bytes_.append(other.buffer->bytes_);
    other.buffer->bytes_.clear();
  }
  int push_back(char byte) {
    bytes_.push_back(byte);
    return 0;
  }

  std::string to_string() const { return bytes_; }
  size_t copy_to(std::string *target) const {
    *target = bytes_;
    return bytes_.size();
  }
  size_t copy_to(void *target, size_t size = SIZE_MAX, size_t from = 0) const {
    return from >= bytes_.size() ? 0 : bytes_.copy(static_cast<char *>(target), size, from);
  }
  size_t size() const { return bytes_.size(); }
  size_t length() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  void clear() { bytes_.clear(); }
  void swap(IOBuf &other) { bytes_.swap(other.bytes_); }
  Movable movable() { return {this}; }
  bool equals(const std::string &other) const { return bytes_ == other; }
  bool operator==(const std::string &other) const { return bytes_ == other; }

 private:
  friend std::ostream &operator<<(std::ostream &stream, const IOBuf &buffer) {
    return stream << buffer.bytes_;
  }

  std::string bytes_;
};

}  // namespace butil
