// HTTP requests that a plugin reads, and the responses that it sets.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_HTTP_HPP
#define GRPS_PLUGIN_HTTP_HPP

#include <cctype>
#include <grps/plugin/host.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps {

namespace detail {

inline std::string_view ViewOf(const grps_text &text) {
  return {text.data, static_cast<size_t>(text.length)};
}

inline grps_text TextOf(std::string_view text) { return {text.data(), text.size()}; }

inline bool IsSameName(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (size_t index = 0; index < left.size(); ++index) {
    const auto lower = [](char letter) { return std::tolower(static_cast<unsigned char>(letter)); };
    if (lower(left[index]) != lower(right[index])) return false;
  }
  return true;
}

// The text without its percent signs and plus signs.
inline std::string Decoded(std::string_view text) {
  const auto digit = [](char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
  };
  std::string decoded;
  for (size_t index = 0; index < text.size(); ++index) {
    const bool is_code = text[index] == '%' && index + 2 < text.size();
    const int high = is_code ? digit(text[index + 1]) : -1;
    const int low = is_code ? digit(text[index + 2]) : -1;
    if (high >= 0 && low >= 0) {
      decoded.push_back(static_cast<char>(high * 16 + low));
      index += 2;
    } else {
      decoded.push_back(text[index] == '+' ? ' ' : text[index]);
    }
  }
  return decoded;
}

}  // namespace detail

// An HTTP request as it came; valid until Infer returns.
class HttpRequest {
 public:
  explicit HttpRequest(const grps_http_request &view) : view_(view) {}

  std::string_view method() const { return detail::ViewOf(view_.method); }
  // As sent, percent-encoded.
  std::string_view path() const { return detail::ViewOf(view_.path); }
  // As sent, without the question mark.
  std::string_view query() const { return detail::ViewOf(view_.query); }
  std::string_view body() const { return detail::ViewOf(view_.body); }
  // Address of the other end of the connection.
  std::string_view peer() const { return detail::ViewOf(view_.peer); }
  uint32_t peer_port() const { return view_.peer_port; }
  // Whether the client requested a stream.
  bool is_streaming() const { return (view_.flags & GRPS_HTTP_STREAMING) != 0; }
  // Names in lower case, and values.
  std::vector<std::pair<std::string_view, std::string_view>> headers() const {
    std::vector<std::pair<std::string_view, std::string_view>> all;
    for (uint64_t index = 0; index < view_.header_count; ++index) {
      const grps_http_header &header = view_.headers[index];
      all.emplace_back(detail::ViewOf(header.name), detail::ViewOf(header.value));
    }
    return all;
  }
  // The first header of this name, in any case of its letters.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto &[key, value] : headers()) {
      if (detail::IsSameName(key, name)) return value;
    }
    return std::nullopt;
  }
  // The first parameter of this name in the query, decoded.
  std::optional<std::string> parameter(std::string_view name) const {
    std::string_view rest = query();
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(pair.size() < rest.size() ? pair.size() + 1 : rest.size());
      const size_t equals = pair.find('=');
      if (detail::Decoded(pair.substr(0, equals)) != name) continue;
      return equals == pair.npos ? "" : detail::Decoded(pair.substr(equals + 1));
    }
    return std::nullopt;
  }

 private:
  grps_http_request view_;
};

// An HTTP response.
struct HttpResponse {
  std::string body = {};
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";  // no such header when it is empty
  std::vector<std::pair<std::string, std::string>> headers = {};
};

}  // namespace grps

#endif
