#include "grps/cancellation.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>

namespace grps {

struct Cancellation::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false;
  std::list<std::function<void()>> functions;
};

Cancellation::Cancellation() : state_(std::make_shared<State>()) {}

void Cancellation::cancel() const {
  // The functions run under the lock, so that none runs after its subscription has gone.
  const std::lock_guard lock(state_->mutex);
  if (std::exchange(state_->cancelled, true)) return;
  for (const auto& function : state_->functions) function();
  state_->changed.notify_all();
}

bool Cancellation::is_cancelled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cancelled;
}

bool Cancellation::wait_for(std::chrono::milliseconds duration) const {
  std::unique_lock lock(state_->mutex);
  return !state_->changed.wait_for(lock, duration, [this] { return state_->cancelled; });
}

struct Cancellation::Subscription::Entry {
  std::shared_ptr<State> state;
  std::list<std::function<void()>>::iterator position;
};

Cancellation::Subscription::Subscription(const Cancellation& cancellation,
                                         std::function<void()> function)
    : entry_(std::make_unique<Entry>()) {
  entry_->state = cancellation.state_;
  const std::lock_guard lock(entry_->state->mutex);
  if (entry_->state->cancelled) function();
  auto& functions = entry_->state->functions;
  entry_->position = functions.insert(functions.end(), std::move(function));
}

Cancellation::Subscription::~Subscription() {
  const std::lock_guard lock(entry_->state->mutex);
  entry_->state->functions.erase(entry_->position);
}

}  // namespace grps
