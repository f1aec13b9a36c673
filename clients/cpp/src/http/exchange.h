// One request over HTTP and its response.
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "http/line_buffer.h"
#include "http/pool.h"

namespace grps::internal {

struct Request {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  bool is_post = true;
};

// What all requests of a client have in common.
struct TransferSettings {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::chrono::milliseconds connect_timeout{};
  std::size_t max_response_bytes = 0;
};

// Runs in the threads that call it, and only while they do. Its destructor closes the connection
// if the response has not ended, which cancels the call on the service.
class Exchange {
 public:
  Exchange(Pool::Lease lease, Request request, Call call, const TransferSettings& settings);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Each waits, and throws ConnectionFailed, TooLarge, Cancelled or DeadlineExceeded.
  void wait_for_head();
  std::string read_all();
  // The next line of the body; nothing at its end.
  std::optional<std::string> read_line();

  // After the head:
  int status() const { return status_; }
  // A header by its name in lower case; empty if there is none.
  std::string header(const std::string& name) const;

 private:
  using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

  void configure(const TransferSettings& settings);
  void configure_body();
  template <typename Ready>
  void run_until(Ready ready);
  void perform();
  void poll();
  void end(CURLcode code);
  std::size_t on_header(std::string_view line);
  std::size_t on_body(std::string_view part);
  std::size_t fill(char* buffer, std::size_t size);

  Pool::Lease lease_;
  CURL* easy_;
  CURLM* multi_;
  Request request_;
  Call call_;
  Cancellation::Subscription subscription_;
  Headers headers_{nullptr, curl_slist_free_all};
  std::size_t max_response_bytes_;
  std::size_t sent_ = 0;
  int status_ = 0;
  bool head_is_complete_ = false;
  bool has_ended_ = false;
  bool is_too_large_ = false;
  std::exception_ptr failure_;
  bool is_paused_ = false;
  bool reads_lines_ = false;
  std::map<std::string, std::string> response_headers_;
  LineBuffer body_;
};

}  // namespace grps::internal
