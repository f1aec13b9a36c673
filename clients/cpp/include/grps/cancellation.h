// Cancels calls from another thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace grps {

// Copies refer to the same cancellation. All members may be called by any thread.
class Cancellation {
 public:
  Cancellation();

  // Ends the calls that have it with Cancelled, now and in the future.
  void cancel() const;
  bool is_cancelled() const;

  // Waits; returns false at once when it is cancelled.
  bool wait_for(std::chrono::milliseconds duration) const;

  // Calls a function once when it is cancelled, perhaps at once, until the subscription is gone.
  // The function runs in the thread that cancels; it must not throw, subscribe or cancel.
  class Subscription {
   public:
    Subscription(const Cancellation& cancellation, std::function<void()> function);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    struct Entry;
    std::unique_ptr<Entry> entry_;
  };

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace grps
