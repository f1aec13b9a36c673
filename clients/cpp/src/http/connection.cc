#include "connection.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "grps/errors.h"
#include "http/exchange.h"
#include "http/json_reader.h"
#include "http/json_writer.h"
#include "http/pool.h"
#include "statuses.h"

namespace grps::internal {

namespace {

constexpr std::string_view kPredict = "/grps/v1/infer/predict";
constexpr std::chrono::milliseconds::rep kLongestTimeoutMs = 604800000;  // that the service takes

std::string escape_query(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char each : text) {
    const auto code = static_cast<unsigned char>(each);
    const bool plain = (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
                       (code >= 'a' && code <= 'z') ||
                       std::string_view("-._~").find(each) != std::string_view::npos;
    if (plain) {
      escaped += each;
    } else {
      escaped += {'%', kHex[code >> 4], kHex[code & 15]};
    }
  }
  return escaped;
}

// An empty value adds nothing.
void add_header(std::vector<std::string>& headers, const char* name, const std::string& value) {
  if (value.find_first_of("\r\n") != std::string::npos) {
    throw InvalidRequest(std::string(name) + " has a line break", {400});
  }
  if (!value.empty()) headers.push_back(std::string(name) + ": " + value);
}

bool has_media_type(const Exchange& exchange, std::string_view wanted) {
  const std::string found = exchange.header("content-type");
  return found.substr(0, found.find(';')) == wanted;
}

// Throws unless the response is a success.
void check_status(Exchange& exchange) {
  exchange.wait_for_head();
  if (exchange.status() == 200) return;
  ErrorDetails details{exchange.status()};
  const std::string retry_after = exchange.header("retry-after");
  int seconds = 0;
  const char* const end = retry_after.data() + retry_after.size();
  if (const auto read = std::from_chars(retry_after.data(), end, seconds);
      read.ec == std::errc() && read.ptr == end && seconds >= 0) {
    details.retry_after = std::chrono::seconds(seconds);
  }
  throw_status(read_error_text(exchange.read_all()), details);
}

Result read_result(Exchange& exchange) {
  check_status(exchange);
  std::string body = exchange.read_all();
  if (has_media_type(exchange, "application/json")) return read_json(body);
  return Bytes{std::move(body)};
}

class LinePieces : public Pieces {
 public:
  explicit LinePieces(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {
    check_status(*exchange_);
    first_ = read();
  }

  std::optional<Result> next() override {
    return first_ ? std::exchange(first_, std::nullopt) : read();
  }

 private:
  std::optional<Result> read() {
    std::optional<std::string> line = exchange_->read_line();
    while (line && line->empty()) line = exchange_->read_line();
    if (!line) return std::nullopt;
    return read_json(*line);
  }

  std::unique_ptr<Exchange> exchange_;
  std::optional<Result> first_;
};

class HttpConnection : public Connection {
 public:
  HttpConnection(const Address& address, const ClientOptions& options)
      : pool_(std::make_shared<Pool>(options.connections)) {
    const bool tls = address.tls || options.tls;
    origin_ = (tls ? "https://" : "http://") + address.host_and_port;
    if (options.tls) {
      settings_.ca_file = options.tls->ca_file;
      settings_.certificate_file = options.tls->certificate_file;
      settings_.key_file = options.tls->key_file;
    }
    add_header(headers_, "Authorization", options.key.empty() ? "" : "Bearer " + options.key);
    settings_.connect_timeout = options.connect_timeout;
    settings_.max_response_bytes = options.max_response_bytes;
  }

  Result predict(const Content& inputs, const Call& call) override {
    const bool nested = std::holds_alternative<NdArray>(inputs.data());
    Exchange exchange(pool_->lease(call), infer(inputs, call, nested ? "return-ndarray=true" : ""),
                      call, settings_);
    return read_result(exchange);
  }

  std::unique_ptr<Pieces> stream(const Content& inputs, const Call& call) override {
    Request request = infer(inputs, call, "streaming=true");
    request.headers.emplace_back("Accept: application/x-ndjson");
    return std::make_unique<LinePieces>(
        std::make_unique<Exchange>(pool_->lease_for_stream(), std::move(request), call, settings_));
  }

  std::string model_metadata(const Call& call) override {
    Request request = start("/grps/v1/metadata/model", call);
    request.headers.emplace_back("Content-Type: application/json");
    request.body = write_json(call.model);
    Exchange exchange(pool_->lease(call), std::move(request), call, settings_);
    return read_result(exchange).text();
  }

  std::string server_metadata(const Call& call) override {
    Request request = start("/grps/v1/metadata/server", call);
    request.is_post = false;
    Exchange exchange(pool_->lease(call), std::move(request), call, settings_);
    return read_result(exchange).text();
  }

  bool is_ready(const Call& call) override {
    Request request = start("/grps/v1/health/ready", call);
    request.is_post = false;
    Exchange exchange(pool_->lease(call), std::move(request), call, settings_);
    try {
      check_status(exchange);
    } catch (const Unavailable&) {
      return false;
    }
    exchange.read_all();
    return true;
  }

 private:
  // A request with the headers that all have.
  Request start(std::string_view path, const Call& call) const {
    Request request;
    request.url = origin_ + std::string(path);
    request.headers = headers_;
    add_header(request.headers, "traceparent", call.traceparent);
    add_header(request.headers, "tracestate", call.tracestate);
    add_header(request.headers, "X-Request-Id", call.request_id);
    if (const auto left = call.remaining()) {
      const auto value =
          std::clamp<std::chrono::milliseconds::rep>(left->count(), 1, kLongestTimeoutMs);
      add_header(request.headers, "X-Request-Timeout-Ms", std::to_string(value));
    }
    return request;
  }

  Request infer(const Content& inputs, const Call& call, std::string query) const {
    if (!call.model.empty()) {
      query += (query.empty() ? "model=" : "&model=") + escape_query(call.model);
    }
    Request request = start(kPredict, call);
    if (!query.empty()) request.url += "?" + query;
    if (const auto* bytes = std::get_if<Bytes>(&inputs.data())) {
      request.headers.emplace_back("Content-Type: application/octet-stream");
      request.body = bytes->data;
    } else {
      request.headers.emplace_back("Content-Type: application/json");
      request.body = write_json(inputs);
    }
    return request;
  }

  std::shared_ptr<Pool> pool_;
  std::string origin_;
  std::vector<std::string> headers_;
  TransferSettings settings_;
};

}  // namespace

std::unique_ptr<Connection> connect_http(const Address& address, const ClientOptions& options) {
  return std::make_unique<HttpConnection>(address, options);
}

}  // namespace grps::internal
