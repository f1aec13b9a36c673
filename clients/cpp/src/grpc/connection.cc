#include "connection.h"

#include <grpcpp/grpcpp.h>
#include <grps_apis/grps.grpc.pb.h>

#include <climits>
#include <memory>
#include <string>
#include <utility>

#include "grpc/messages.h"
#include "grpc/rpc_statuses.h"
#include "grps/errors.h"

namespace grps::internal {

namespace {

using protos::v1::GrpsMessage;
using protos::v1::GrpsService;
using Subscription = Cancellation::Subscription;

std::string read_file(const std::string& path) {
  return path.empty() ? std::string() : Bytes::from_file(path).data;
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Address& address,
                                                      const ClientOptions& options) {
  if (!address.tls && !options.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  if (options.tls) {
    ssl.pem_root_certs = read_file(options.tls->ca_file);
    ssl.pem_cert_chain = read_file(options.tls->certificate_file);
    ssl.pem_private_key = read_file(options.tls->key_file);
  }
  return grpc::SslCredentials(ssl);
}

int to_int(std::size_t bytes) {
  return bytes > INT_MAX ? -1 : static_cast<int>(bytes);  // -1: no limit
}

std::shared_ptr<grpc::Channel> open_channel(const Address& address, const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(user_agent());
  arguments.SetMaxReceiveMessageSize(to_int(options.max_response_bytes));
  arguments.SetMaxSendMessageSize(-1);
  // The pauses between attempts are those of the client, not of the channel.
  const auto first_pause = static_cast<int>(options.retries.first_pause.count());
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, first_pause);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   static_cast<int>(options.retries.longest_pause.count()));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(options.connect_timeout.count()));
  // Each client has connections of its own, as over HTTP.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address.host_and_port, credentials(address, options), arguments);
}

// Fills in what all calls send.
void prepare(grpc::ClientContext& context, const Call& call, const std::string& key) {
  if (call.deadline) {
    context.set_deadline(std::chrono::system_clock::now() + *call.remaining());
  }
  const auto add = [&](const char* name, const std::string& value) {
    if (value.find_first_of("\r\n") != std::string::npos) {
      throw InvalidRequest(std::string(name) + " has a line break", {400});
    }
    if (!value.empty()) context.AddMetadata(name, value);
  };
  add("authorization", key.empty() ? key : "Bearer " + key);
  add("traceparent", call.traceparent);
  add("tracestate", call.tracestate);
  add("x-request-id", call.request_id);
}

// The stub belongs to the stream, which may outlive its client.
class MessagePieces : public Pieces {
 public:
  MessagePieces(std::shared_ptr<GrpsService::Stub> stub, const GrpsMessage& request, Call call,
                const std::string& key)
      : stub_(std::move(stub)), call_(std::move(call)) {
    prepare(context_, call_, key);
    reader_ = stub_->PredictStreaming(&context_, request);
    subscription_.emplace(call_.cancellation, [this] { context_.TryCancel(); });
    try {
      first_ = read();
    } catch (...) {
      finish();
      throw;
    }
  }

  ~MessagePieces() override { finish(); }

  std::optional<Result> next() override {
    return first_ ? std::exchange(first_, std::nullopt) : read();
  }

 private:
  std::optional<Result> read() {
    if (has_ended_) return std::nullopt;
    GrpsMessage message;
    if (reader_->Read(&message)) return read_message(message);
    has_ended_ = true;
    const grpc::Status status = reader_->Finish();
    if (!status.ok()) throw_rpc_status(status, context_);
    return std::nullopt;
  }

  void finish() {
    if (std::exchange(has_ended_, true)) return;
    context_.TryCancel();
    static_cast<void>(reader_->Finish());
  }

  std::shared_ptr<GrpsService::Stub> stub_;
  Call call_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<GrpsMessage>> reader_;
  std::optional<Subscription> subscription_;
  std::optional<Result> first_;
  bool has_ended_ = false;
};

class GrpcConnection : public Connection {
 public:
  GrpcConnection(const Address& address, const ClientOptions& options)
      : key_(options.key), stub_(GrpsService::NewStub(open_channel(address, options))) {}

  Result predict(const Content& inputs, const Call& call) override {
    return read_message(run(&GrpsService::Stub::Predict, request_of(inputs, call), call));
  }

  std::unique_ptr<Pieces> stream(const Content& inputs, const Call& call) override {
    return std::make_unique<MessagePieces>(stub_, request_of(inputs, call), call, key_);
  }

  std::string model_metadata(const Call& call) override {
    const GrpsMessage request = write_message(call.model);
    return read_message(run(&GrpsService::Stub::ModelMetadata, request, call)).text();
  }

  std::string server_metadata(const Call& call) override {
    return read_message(run(&GrpsService::Stub::ServerMetadata, {}, call)).text();
  }

  bool is_ready(const Call& call) override {
    try {
      read_message(run(&GrpsService::Stub::CheckReadiness, {}, call));
      return true;
    } catch (const Unavailable&) {
      return false;
    }
  }

 private:
  using Method = grpc::Status (GrpsService::Stub::*)(grpc::ClientContext*, const GrpsMessage&,
                                                     GrpsMessage*);

  static GrpsMessage request_of(const Content& inputs, const Call& call) {
    GrpsMessage request = write_message(inputs);
    request.set_model(call.model);
    return request;
  }

  GrpsMessage run(Method method, const GrpsMessage& request, const Call& call) const {
    grpc::ClientContext context;
    prepare(context, call, key_);
    const Subscription subscription(call.cancellation, [&] { context.TryCancel(); });
    GrpsMessage response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) throw_rpc_status(status, context);
    return response;
  }

  std::string key_;
  std::shared_ptr<GrpsService::Stub> stub_;
};

}  // namespace

std::unique_ptr<Connection> connect_grpc(const Address& address, const ClientOptions& options) {
  return std::make_unique<GrpcConnection>(address, options);
}

}  // namespace grps::internal
