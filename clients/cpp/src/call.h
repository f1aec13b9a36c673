// One call on its way: what it asks for, until when, and who may cancel it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "grps/options.h"

namespace grps::internal {

using Clock = std::chrono::steady_clock;

struct Call {
  std::string model;
  std::string traceparent;
  std::string tracestate;
  std::string request_id;
  Cancellation cancellation;
  std::optional<Clock::time_point> deadline;

  // The time that is left, never negative; nothing without a deadline.
  std::optional<std::chrono::milliseconds> remaining() const;

  // Throws Cancelled or DeadlineExceeded if either is the case.
  void check() const;
};

}  // namespace grps::internal
