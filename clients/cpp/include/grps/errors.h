// The exceptions of the client. All derive from grps::Error.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

namespace grps {

struct ErrorDetails {
  // The HTTP status of the service, or the one that means the same; 0 if there is none.
  int code = 0;
  // How long the service asks to wait.
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;
  // Whether the call did not run for sure, and another attempt may succeed.
  bool may_repeat = false;
};

class Error : public std::runtime_error {
 public:
  Error(const std::string& message, ErrorDetails details)
      : std::runtime_error(message), details_(details) {}

  int code() const noexcept { return details_.code; }
  std::optional<std::chrono::milliseconds> retry_after() const noexcept {
    return details_.retry_after;
  }
  bool may_repeat() const noexcept { return details_.may_repeat; }

 private:
  ErrorDetails details_;
};

// 400, and other statuses from 400 to 499 that have no class of their own.
class InvalidRequest : public Error {
  using Error::Error;
};
// 401: the service wants a key.
class Unauthenticated : public Error {
  using Error::Error;
};
// 403: the key may not do this.
class PermissionDenied : public Error {
  using Error::Error;
};
// 404: there is no such model.
class NotFound : public Error {
  using Error::Error;
};
// 413: the request is too large for the service, or the response for the client.
class TooLarge : public Error {
  using Error::Error;
};
// 429: a queue is full, or a key has reached its rate.
class TooManyRequests : public Error {
  using Error::Error;
};
// 500, and other failures of the service or its model.
class ModelError : public Error {
  using Error::Error;
};
// 503: the model is not served at present.
class Unavailable : public Error {
  using Error::Error;
};
// 504, or the timeout passed here.
class DeadlineExceeded : public Error {
  using Error::Error;
};
// The call was cancelled by Cancellation::cancel.
class Cancelled : public Error {
  using Error::Error;
};
// There was no connection, or it ended before the response did.
class ConnectionFailed : public Error {
  using Error::Error;
};
// The content is not what the accessor returns. The call itself succeeded.
class WrongContent : public Error {
 public:
  explicit WrongContent(const std::string& message) : Error(message, {}) {}
};

}  // namespace grps
