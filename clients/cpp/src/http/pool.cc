#include "http/pool.h"

#include <new>
#include <utility>

#include "grps/errors.h"

namespace grps::internal {

namespace {

void initialize_curl() {
  static const CURLcode kInitialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kInitialized != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

Handle::Handle() {
  initialize_curl();
  multi_ = curl_multi_init();
  easy_ = curl_easy_init();
  if (multi_ == nullptr || easy_ == nullptr) {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
    throw std::bad_alloc();
  }
}

Handle::~Handle() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

Pool::Lease::Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Handle> handle, bool counted)
    : pool_(std::move(pool)), handle_(std::move(handle)), counted_(counted) {}

Pool::Lease::~Lease() {
  if (pool_) pool_->give_back(std::move(handle_), counted_);
}

Pool::Lease Pool::lease(const Call& call) {
  bool cancelled = false;
  // Declared before the lock: a function that cancels takes the lock within the cancellation's.
  const Cancellation::Subscription subscription(call.cancellation, [&] {
    const std::lock_guard lock(mutex_);
    cancelled = true;
    changed_.notify_all();
  });
  std::unique_ptr<Handle> handle;
  {
    std::unique_lock lock(mutex_);
    const auto may_go_on = [&] { return cancelled || leased_ < size_; };
    if (call.deadline) {
      changed_.wait_until(lock, *call.deadline, may_go_on);
    } else {
      changed_.wait(lock, may_go_on);
    }
    if (!cancelled && leased_ < size_) {
      handle = take_idle();
      ++leased_;
    }
  }
  if (!handle) {
    call.check();
    throw DeadlineExceeded("no connection became free before the timeout of the call", {504});
  }
  return {shared_from_this(), std::move(handle), true};
}

Pool::Lease Pool::lease_for_stream() {
  const std::lock_guard lock(mutex_);
  return {shared_from_this(), take_idle(), false};
}

std::unique_ptr<Handle> Pool::take_idle() {
  if (idle_.empty()) return std::make_unique<Handle>();
  std::unique_ptr<Handle> handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void Pool::give_back(std::unique_ptr<Handle> handle, bool counted) {
  const std::lock_guard lock(mutex_);
  if (counted) --leased_;
  if (idle_.size() < size_) idle_.push_back(std::move(handle));
  changed_.notify_one();
}

}  // namespace grps::internal
