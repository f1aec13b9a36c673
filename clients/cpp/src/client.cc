#include "grps/client.h"

#include <utility>

#include "call.h"
#include "connection.h"
#include "retries.h"

namespace grps {

namespace internal {

std::string user_agent() { return "grps-cpp/" GRPS_CLIENT_VERSION; }

Address Address::parse(const std::string& text) {
  Address address{text};
  const auto scheme_end = text.find("://");
  if (scheme_end != std::string::npos) {
    const std::string scheme = text.substr(0, scheme_end);
    if (scheme != "http" && scheme != "https") {
      throw InvalidRequest("the address " + text + " begins neither with http:// nor https://", {});
    }
    address = {text.substr(scheme_end + 3), scheme == "https"};
  }
  std::string& rest = address.host_and_port;
  if (!rest.empty() && rest.back() == '/') rest.pop_back();
  if (rest.empty() || rest.find_first_of("/?# ") != std::string::npos) {
    throw InvalidRequest("the address \"" + text + "\" is not of the form host:port", {});
  }
  return address;
}

namespace {

std::shared_ptr<Connection> connect(const std::string& address, const ClientOptions& options) {
  const Address parsed = Address::parse(address);
  if (options.retries.attempts < 1 || options.connections < 1) {
    throw InvalidRequest("retries.attempts and connections must be 1 or more", {});
  }
#ifdef GRPS_CLIENT_HTTP
  if (options.protocol == Protocol::Http) return connect_http(parsed, options);
#endif
#ifdef GRPS_CLIENT_GRPC
  if (options.protocol == Protocol::Grpc) return connect_grpc(parsed, options);
#endif
  throw InvalidRequest("this build of the client does not have the protocol", {});
}

Call make_call(const ClientOptions& client, const CallOptions& options,
               std::optional<std::chrono::milliseconds> timeout) {
  Call call;
  call.model = options.model;
  call.traceparent = options.traceparent;
  if (call.traceparent.empty() && client.current_traceparent) {
    call.traceparent = client.current_traceparent();
  }
  call.tracestate = options.tracestate;
  call.request_id = options.request_id;
  if (options.cancellation) call.cancellation = *options.cancellation;
  if (options.timeout) timeout = options.timeout;
  if (timeout) call.deadline = Clock::now() + *timeout;
  return call;
}

}  // namespace
}  // namespace internal

using internal::make_call;
using internal::with_retries;

Client::Client(const std::string& address, ClientOptions options)
    : options_(std::move(options)), connection_(internal::connect(address, options_)) {}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result Client::predict(const Content& inputs, const CallOptions& options) const {
  const internal::Call call = make_call(options_, options, options_.timeout);
  return with_retries(options_.retries, options.repeatable, call,
                      [&] { return connection_->predict(inputs, call); });
}

Stream Client::stream(const Content& inputs, const CallOptions& options) const {
  const internal::Call call = make_call(options_, options, std::nullopt);
  return Stream(with_retries(options_.retries, options.repeatable, call,
                             [&] { return connection_->stream(inputs, call); }));
}

void Client::stream(const Content& inputs, const std::function<bool(const Result&)>& on_piece,
                    const CallOptions& options) const {
  Stream pieces = stream(inputs, options);
  while (const std::optional<Result> piece = pieces.next()) {
    if (!on_piece(*piece)) return;
  }
}

std::string Client::metadata(const std::string& model, const CallOptions& options) const {
  internal::Call call = make_call(options_, options, options_.timeout);
  call.model = model;
  return with_retries(options_.retries, true, call,
                      [&] { return connection_->model_metadata(call); });
}

std::string Client::server_metadata(const CallOptions& options) const {
  const internal::Call call = make_call(options_, options, options_.timeout);
  return with_retries(options_.retries, true, call,
                      [&] { return connection_->server_metadata(call); });
}

bool Client::is_ready(const CallOptions& options) const {
  const internal::Call call = make_call(options_, options, options_.timeout);
  call.check();
  return connection_->is_ready(call);
}

Stream::Stream(std::unique_ptr<internal::Pieces> pieces) : pieces_(std::move(pieces)) {}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

std::optional<Result> Stream::next() {
  if (!pieces_) return std::nullopt;
  std::unique_ptr<internal::Pieces> rest = std::move(pieces_);  // an exception ends the stream
  std::optional<Result> piece = rest->next();
  if (piece) pieces_ = std::move(rest);
  return piece;
}

void Stream::close() { pieces_.reset(); }

}  // namespace grps
