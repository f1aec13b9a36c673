#include "statuses.h"

namespace grps::internal {

void throw_status(const std::string& message, ErrorDetails details) {
  details.may_repeat = details.code == 429 || details.code == 503;
  switch (details.code) {
    case 401:
      throw Unauthenticated(message, details);
    case 403:
      throw PermissionDenied(message, details);
    case 404:
      throw NotFound(message, details);
    case 413:
      throw TooLarge(message, details);
    case 429:
      throw TooManyRequests(message, details);
    case 499:
      throw Cancelled(message, details);
    case 503:
      throw Unavailable(message, details);
    case 408:
    case 504:
      throw DeadlineExceeded(message, details);
    default:
      break;
  }
  if (details.code >= 400 && details.code < 500) throw InvalidRequest(message, details);
  throw ModelError(message, details);
}

}  // namespace grps::internal
