// Which calls are repeated, and after which pause.
#pragma once

#include <chrono>

#include "call.h"
#include "grps/errors.h"
#include "grps/options.h"

namespace grps::internal {

// Whether an error allows another attempt.
bool may_repeat(const Error& error, bool repeatable);

// The pause after an attempt; the first has number 1. `fraction` is random, from 0 to 1.
std::chrono::milliseconds pause_after(int attempt, const Error& error, const Retries& retries,
                                      double fraction);

// Waits before the next attempt. Returns false if there is to be none.
bool wait_to_repeat(int attempt, const Error& error, const Retries& retries, bool repeatable,
                    const Call& call);

// Runs a function until it succeeds or fails for good.
template <typename Function>
auto with_retries(const Retries& retries, bool repeatable, const Call& call, Function&& run) {
  for (int attempt = 1;; ++attempt) {
    call.check();
    try {
      return run();
    } catch (const Error& error) {
      if (!wait_to_repeat(attempt, error, retries, repeatable, call)) throw;
    }
  }
}

}  // namespace grps::internal
