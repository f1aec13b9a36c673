// Texts of HTTP: methods, reasons, and the parts of a URL.
#include <strings.h>

#include <algorithm>

#include "brpc/controller.h"

namespace brpc {
namespace {

struct Method {
  HttpMethod method;
  const char *text;
};

constexpr Method methods[] = {{HTTP_METHOD_DELETE, "DELETE"},   {HTTP_METHOD_GET, "GET"},
                              {HTTP_METHOD_HEAD, "HEAD"},       {HTTP_METHOD_POST, "POST"},
                              {HTTP_METHOD_PUT, "PUT"},         {HTTP_METHOD_CONNECT, "CONNECT"},
                              {HTTP_METHOD_OPTIONS, "OPTIONS"}, {HTTP_METHOD_TRACE, "TRACE"},
                              {HTTP_METHOD_PATCH, "PATCH"}};

int HexDigit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  letter = static_cast<char>(letter | 0x20);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// Text of a query: plus signs are spaces, and %XX is a byte.
std::string Decoded(const std::string &text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_escape = text[at] == '%' && at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 &&
                           HexDigit(text[at + 2]) >= 0;
    if (is_escape) {
      decoded += static_cast<char>(HexDigit(text[at + 1]) << 4 | HexDigit(text[at + 2]));
      at += 2;
    } else {
      decoded += text[at] == '+' ? ' ' : text[at];
    }
  }
  return decoded;
}

}  // namespace

const char *HttpMethod2Str(HttpMethod method) {
  for (const Method &known : methods) {
    if (known.method == method) return known.text;
  }
  return "UNKNOWN";
}

bool Str2HttpMethod(const char *text, HttpMethod *method) {
  for (const Method &known : methods) {
    if (strcasecmp(known.text, text) != 0) continue;
    *method = known.method;
    return true;
  }
  return false;
}

const char *HttpHeader::reason_phrase() const {
  switch (status_code_ / 100) {
    case 1:
      return "Informational";
    case 2:
      return "OK";
    case 3:
      return "Redirection";
    case 4:
      return "Client Error";
    default:
      return "Server Error";
  }
}

int URI::SetHttpURL(const std::string &url) {
  const size_t mark = url.find('?');
  path_ = url.substr(0, mark);
  query_ = mark == std::string::npos ? "" : url.substr(mark + 1);
  queries_.clear();
  for (size_t begin = 0; begin < query_.size();) {
    const size_t end = std::min(query_.find('&', begin), query_.size());
    const std::string part = query_.substr(begin, end - begin);
    const size_t equals = std::min(part.find('='), part.size());
    const std::string value = equals < part.size() ? part.substr(equals + 1) : "";
    if (!part.empty()) queries_[Decoded(part.substr(0, equals))] = Decoded(value);
    begin = end + 1;
  }
  return 0;
}

}  // namespace brpc
