#include "http/exchange.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "connection.h"
#include "grps/errors.h"

namespace grps::internal {

namespace {

// Lines that wait for their reader beyond this size stop the transfer.
constexpr std::size_t kBufferedBytes = std::size_t{256} << 10;
constexpr int kLongestPollMs = 60000;

// The failures before the request left.
bool is_before_request(CURLcode code, CURL* easy) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return true;
    default: {
      curl_off_t until_request = 0;
      curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &until_request);
      return code == CURLE_OPERATION_TIMEDOUT && until_request == 0;
    }
  }
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) throw InvalidRequest(curl_easy_strerror(code), {});
}

}  // namespace

Exchange::Exchange(Pool::Lease lease, Request request, Call call, const TransferSettings& settings)
    : lease_(std::move(lease)),
      easy_((*lease_).easy()),
      multi_((*lease_).multi()),
      request_(std::move(request)),
      call_(std::move(call)),
      subscription_(call_.cancellation, [multi = multi_] { curl_multi_wakeup(multi); }),
      max_response_bytes_(settings.max_response_bytes) {
  configure(settings);
  if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) throw std::bad_alloc();
}

Exchange::~Exchange() { curl_multi_remove_handle(multi_, easy_); }

void Exchange::configure(const TransferSettings& settings) {
  curl_easy_reset(easy_);
  set(easy_, CURLOPT_URL, request_.url.c_str());
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);  // a stream may be silent for long
  set(easy_, CURLOPT_USERAGENT, user_agent().c_str());
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout.count()));
  if (!settings.ca_file.empty()) set(easy_, CURLOPT_CAINFO, settings.ca_file.c_str());
  if (!settings.certificate_file.empty()) {
    set(easy_, CURLOPT_SSLCERT, settings.certificate_file.c_str());
    set(easy_, CURLOPT_SSLKEY, settings.key_file.c_str());
  }
  for (const std::string& header : request_.headers) {
    curl_slist* const longer = curl_slist_append(headers_.get(), header.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }
  set(easy_, CURLOPT_HTTPHEADER, headers_.get());
  using Data = std::size_t (*)(char*, std::size_t, std::size_t, void*);
  const Data take_header = [](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->on_header({data, size * count});
  };
  const Data take_body = [](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->on_body({data, size * count});
  };
  set(easy_, CURLOPT_HEADERFUNCTION, take_header);
  set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_WRITEFUNCTION, take_body);
  set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  if (request_.is_post) configure_body();
}

// libcurl sends a request again when a kept connection breaks before the response, although it may
// have run. A body that can't be rewound prevents that.
void Exchange::configure_body() {
  set(easy_, CURLOPT_POST, 1L);
  set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  using Read = std::size_t (*)(char*, std::size_t, std::size_t, void*);
  const Read read = [](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->fill(data, size * count);
  };
  using Seek = int (*)(void*, curl_off_t, int);
  const Seek seek = [](void*, curl_off_t, int) { return CURL_SEEKFUNC_FAIL; };
  set(easy_, CURLOPT_READFUNCTION, read);
  set(easy_, CURLOPT_READDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_SEEKFUNCTION, seek);
}

template <typename Ready>
void Exchange::run_until(Ready ready) {
  while (!ready() && !has_ended_) {
    call_.check();
    if (std::exchange(is_paused_, false)) curl_easy_pause(easy_, CURLPAUSE_CONT);
    perform();
    if (!ready() && !has_ended_) poll();
  }
  // What arrived before the failure is delivered first.
  if (failure_ && !ready()) std::rethrow_exception(failure_);
}

void Exchange::perform() {
  int running = 0;
  if (curl_multi_perform(multi_, &running) != CURLM_OK) {
    throw ConnectionFailed("libcurl failed to run the transfer", {});
  }
  int waiting = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &waiting)) {
    if (message->msg == CURLMSG_DONE) end(message->data.result);
  }
}

void Exchange::poll() {
  int timeout = kLongestPollMs;
  if (const auto left = call_.remaining()) {
    timeout = static_cast<int>(std::min<std::chrono::milliseconds::rep>(left->count(), timeout));
  }
  curl_multi_poll(multi_, nullptr, 0, timeout, nullptr);
}

void Exchange::end(CURLcode code) {
  has_ended_ = true;
  if (is_too_large_) {
    failure_ = std::make_exception_ptr(TooLarge("the response is larger than max_response_bytes (" +
                                                    std::to_string(max_response_bytes_) + ")",
                                                {413}));
  } else if (code != CURLE_OK) {
    ErrorDetails details;
    details.may_repeat = is_before_request(code, easy_);
    const std::string origin = request_.url.substr(0, request_.url.find('/', 8));
    failure_ = std::make_exception_ptr(
        ConnectionFailed(origin + ": " + curl_easy_strerror(code), details));
  }
}

std::size_t Exchange::on_header(std::string_view line) {
  const std::size_t size = line.size();
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.substr(0, 5) == "HTTP/") {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    status_ = static_cast<int>(status);
    response_headers_.clear();
  } else if (line.empty()) {
    head_is_complete_ = status_ >= 200;  // a 100 comes before the response
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
    line.remove_prefix(colon + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    response_headers_[name] = line;
  }
  return size;
}

std::size_t Exchange::on_body(std::string_view part) {
  if (reads_lines_ && body_.size() >= kBufferedBytes && body_.has_line()) {
    is_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (body_.size() + part.size() > max_response_bytes_) {
    is_too_large_ = true;
    return 0;
  }
  body_.append(part);
  return part.size();
}

std::size_t Exchange::fill(char* buffer, std::size_t size) {
  const std::size_t count = std::min(size, request_.body.size() - sent_);
  std::memcpy(buffer, request_.body.data() + sent_, count);
  sent_ += count;
  return count;
}

void Exchange::wait_for_head() {
  run_until([this] { return head_is_complete_; });
}

std::string Exchange::read_all() {
  run_until([] { return false; });
  return body_.take_rest();
}

std::optional<std::string> Exchange::read_line() {
  reads_lines_ = true;
  run_until([this] { return body_.has_line(); });
  if (auto line = body_.take_line()) return line;
  if (body_.size() > 0) return body_.take_rest();
  return std::nullopt;
}

std::string Exchange::header(const std::string& name) const {
  const auto found = response_headers_.find(name);
  return found == response_headers_.end() ? std::string() : found->second;
}

}  // namespace grps::internal
