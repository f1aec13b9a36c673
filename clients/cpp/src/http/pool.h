// Handles of libcurl that are kept with their connections.
#pragma once

#include <curl/curl.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "call.h"

namespace grps::internal {

// One transfer at a time, and the connection that it leaves for the next one.
class Handle {
 public:
  Handle();
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURLM* multi() const { return multi_; }
  CURL* easy() const { return easy_; }

 private:
  CURLM* multi_ = nullptr;
  CURL* easy_ = nullptr;
};

// Lends handles. Any thread may use it.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  explicit Pool(std::size_t size) : size_(size) {}

  // Gives its handle back at its end; keeps the pool.
  class Lease {
   public:
    Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Handle> handle, bool counted);
    ~Lease();
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Handle& operator*() const { return *handle_; }

   private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Handle> handle_;
    bool counted_;
  };

  // Waits until fewer than `size` leases of this kind exist. Throws Cancelled or
  // DeadlineExceeded.
  Lease lease(const Call& call);

  // Does not wait: a stream may stay open for as long as its reader wants.
  Lease lease_for_stream();

 private:
  std::unique_ptr<Handle> take_idle();
  void give_back(std::unique_ptr<Handle> handle, bool counted);

  const std::size_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t leased_ = 0;
  std::vector<std::unique_ptr<Handle>> idle_;
};

}  // namespace grps::internal
