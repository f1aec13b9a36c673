#include "grpc/rpc_statuses.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "grps/errors.h"
#include "statuses.h"

namespace grps::internal {

namespace {

std::optional<std::chrono::milliseconds> pushback(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("grpc-retry-pushback-ms");
  if (found == trailers.end()) return std::nullopt;
  int milliseconds = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto read = std::from_chars(found->second.data(), end, milliseconds);
  if (read.ec != std::errc() || milliseconds < 0) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

// The status of HTTP that means the same.
int http_status(const grpc::Status& status, bool has_pushback) {
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return 400;
    case grpc::StatusCode::UNAUTHENTICATED:
      return 401;
    case grpc::StatusCode::PERMISSION_DENIED:
      return 403;
    case grpc::StatusCode::NOT_FOUND:
      return 404;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return has_pushback ? 429 : 413;  // only a full queue or a rate has an end
    case grpc::StatusCode::CANCELLED:
      return 499;
    case grpc::StatusCode::UNIMPLEMENTED:
      return 501;
    case grpc::StatusCode::UNAVAILABLE:
      return 503;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return 504;
    default:
      return 500;
  }
}

}  // namespace

void throw_rpc_status(const grpc::Status& status, const grpc::ClientContext& context) {
  ErrorDetails details;
  details.retry_after = pushback(context);
  details.code = http_status(status, details.retry_after.has_value());
  const std::string message = status.error_message();
  // gRPC has one code for a service that refuses and for one that can't be reached; only a
  // service adds metadata.
  if (details.code == 503 && context.GetServerTrailingMetadata().empty()) {
    details.may_repeat = message.rfind("failed to connect", 0) == 0;
    details.code = 0;
    throw ConnectionFailed(message, details);
  }
  throw_status(message, details);
}

}  // namespace grps::internal
