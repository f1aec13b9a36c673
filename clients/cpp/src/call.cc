#include "call.h"

#include <algorithm>

#include "grps/errors.h"

namespace grps::internal {

std::optional<std::chrono::milliseconds> Call::remaining() const {
  if (!deadline) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void Call::check() const {
  if (cancellation.is_cancelled()) throw Cancelled("the call was cancelled", {499});
  if (deadline && Clock::now() >= *deadline) {
    throw DeadlineExceeded("the timeout of the call has passed", {504});
  }
}

}  // namespace grps::internal
