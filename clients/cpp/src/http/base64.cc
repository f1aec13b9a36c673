#include "http/base64.h"

#include <cstdint>

#include "grps/errors.h"

namespace grps::internal {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t digit_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<std::uint32_t>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<std::uint32_t>(digit - 'a') + 26;
  if (digit >= '0' && digit <= '9') return static_cast<std::uint32_t>(digit - '0') + 52;
  if (digit == '+') return 62;
  if (digit == '/') return 63;
  throw ModelError("the response has bytes that are not base64", {});
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t start = 0; start < bytes.size(); start += 3) {
    const std::string_view group = bytes.substr(start, 3);
    std::uint32_t bits = 0;
    for (std::size_t index = 0; index < 3; ++index) {
      bits <<= 8;
      if (index < group.size()) bits |= static_cast<std::uint8_t>(group[index]);
    }
    for (std::size_t index = 0; index < 4; ++index) {
      text += index <= group.size() ? kDigits[(bits >> (18 - 6 * index)) & 63] : '=';
    }
  }
  return text;
}

std::string from_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    bits = (bits << 6) | digit_value(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFF);
    }
  }
  return bytes;
}

}  // namespace grps::internal
