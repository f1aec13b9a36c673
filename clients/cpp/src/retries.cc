#include "retries.h"

#include <algorithm>
#include <random>

namespace grps::internal {

namespace {

double random_fraction() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

}  // namespace

bool may_repeat(const Error& error, bool repeatable) {
  if (error.may_repeat()) return true;
  return repeatable && dynamic_cast<const ConnectionFailed*>(&error) != nullptr;
}

std::chrono::milliseconds pause_after(int attempt, const Error& error, const Retries& retries,
                                      double fraction) {
  const int doublings = std::min(attempt - 1, 20);
  const auto full = std::min(retries.first_pause * (1 << doublings), retries.longest_pause);
  const auto random = std::chrono::milliseconds(
      static_cast<std::int64_t>(static_cast<double>(full.count()) * fraction));
  // Callers that were refused together must not come back together.
  return error.retry_after() ? *error.retry_after() + random : random;
}

bool wait_to_repeat(int attempt, const Error& error, const Retries& retries, bool repeatable,
                    const Call& call) {
  if (attempt >= retries.attempts || !may_repeat(error, repeatable)) return false;
  const auto pause = pause_after(attempt, error, retries, random_fraction());
  // A service that asks to wait for longer than anyone waits here has given its answer.
  if (error.retry_after() && *error.retry_after() > std::chrono::seconds(60)) return false;
  const auto left = call.remaining();
  if (left && pause >= *left) return false;
  call.cancellation.wait_for(pause);
  return true;
}

}  // namespace grps::internal
