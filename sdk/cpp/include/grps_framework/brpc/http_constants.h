// Methods and status codes of HTTP, by the names that bRPC has for them.
#pragma once

#include <string>

namespace brpc {

enum HttpMethod {
  HTTP_METHOD_DELETE = 0,
  HTTP_METHOD_GET = 1,
  HTTP_METHOD_HEAD = 2,
  HTTP_METHOD_POST = 3,
  HTTP_METHOD_PUT = 4,
  HTTP_METHOD_CONNECT = 5,
  HTTP_METHOD_OPTIONS = 6,
  HTTP_METHOD_TRACE = 7,
  HTTP_METHOD_PATCH = 28
};

// The method as it is written; "UNKNOWN" for another number.
const char *HttpMethod2Str(HttpMethod method);
// Finds a method by its text, in any case; false without one.
bool Str2HttpMethod(const char *text, HttpMethod *method);

constexpr int HTTP_STATUS_CONTINUE = 100;
constexpr int HTTP_STATUS_SWITCHING_PROTOCOLS = 101;
constexpr int HTTP_STATUS_OK = 200;
constexpr int HTTP_STATUS_CREATED = 201;
constexpr int HTTP_STATUS_ACCEPTED = 202;
constexpr int HTTP_STATUS_NON_AUTHORITATIVE_INFORMATION = 203;
constexpr int HTTP_STATUS_NO_CONTENT = 204;
constexpr int HTTP_STATUS_RESET_CONTENT = 205;
constexpr int HTTP_STATUS_PARTIAL_CONTENT = 206;
constexpr int HTTP_STATUS_MULTIPLE_CHOICES = 300;
constexpr int HTTP_STATUS_MOVE_PERMANENTLY = 301;
constexpr int HTTP_STATUS_FOUND = 302;
constexpr int HTTP_STATUS_SEE_OTHER = 303;
constexpr int HTTP_STATUS_NOT_MODIFIED = 304;
constexpr int HTTP_STATUS_USE_PROXY = 305;
constexpr int HTTP_STATUS_TEMPORARY_REDIRECT = 307;
constexpr int HTTP_STATUS_BAD_REQUEST = 400;
constexpr int HTTP_STATUS_UNAUTHORIZED = 401;
constexpr int HTTP_STATUS_PAYMENT_REQUIRED = 402;
constexpr int HTTP_STATUS_FORBIDDEN = 403;
constexpr int HTTP_STATUS_NOT_FOUND = 404;
constexpr int HTTP_STATUS_METHOD_NOT_ALLOWED = 405;
constexpr int HTTP_STATUS_NOT_ACCEPTABLE = 406;
constexpr int HTTP_STATUS_PROXY_AUTHENTICATION_REQUIRED = 407;
constexpr int HTTP_STATUS_REQUEST_TIMEOUT = 408;
constexpr int HTTP_STATUS_CONFLICT = 409;
constexpr int HTTP_STATUS_GONE = 410;
constexpr int HTTP_STATUS_LENGTH_REQUIRED = 411;
constexpr int HTTP_STATUS_PRECONDITION_FAILED = 412;
constexpr int HTTP_STATUS_REQUEST_ENTITY_TOO_LARGE = 413;
constexpr int HTTP_STATUS_REQUEST_URI_TOO_LARG = 414;
constexpr int HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE = 415;
constexpr int HTTP_STATUS_REQUEST_RANGE_NOT_SATISFIABLE = 416;
constexpr int HTTP_STATUS_EXPECTATION_FAILED = 417;
constexpr int HTTP_STATUS_INTERNAL_SERVER_ERROR = 500;
constexpr int HTTP_STATUS_NOT_IMPLEMENTED = 501;
constexpr int HTTP_STATUS_BAD_GATEWAY = 502;
constexpr int HTTP_STATUS_SERVICE_UNAVAILABLE = 503;
constexpr int HTTP_STATUS_GATEWAY_TIMEOUT = 504;
constexpr int HTTP_STATUS_VERSION_NOT_SUPPORTED = 505;

}  // namespace brpc
