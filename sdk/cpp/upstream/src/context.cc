// The context of a request.
#include "context/context.h"

#include "converter/converter.h"

namespace netease::grps {

GrpsContext::GrpsContext(const ::grps::protos::v1::GrpsMessage *request,
                         ::grpc::ServerWriter<::grps::protos::v1::GrpsMessage> *,
                         butil::intrusive_ptr<brpc::ProgressiveAttachment> *,
                         brpc::Controller *http_controller, brpc::Controller *brpc_controller,
                         ::grpc::ServerContext *grpc_server_ctx)
    : request_(request),
      http_controller_(http_controller),
      brpc_controller_(brpc_controller),
      grpc_server_ctx_(grpc_server_ctx) {}

GrpsContext::~GrpsContext() = default;

bool GrpsContext::IfStreaming() { return client_ != nullptr && client_->IsStreaming(); }

bool GrpsContext::IfDisconnected() { return client_ != nullptr && client_->IsDisconnected(); }

void GrpsContext::StreamingRespond(const ::grps::protos::v1::GrpsMessage &message, bool final) {
  Send(final, [&](Client &client) { client.SendMessage(message); });
}

void GrpsContext::StreamingRespondWithPostprocess(
    const std::vector<std::pair<std::string, TensorWrapper>> &tensors, bool final) {
  if (!IfStreaming()) return;
  if (converter_ == nullptr) {
    throw std::runtime_error("StreamingRespondWithPostprocess needs a converter");
  }
  ::grps::protos::v1::GrpsMessage message;
  converter_->PostProcess(tensors, message, *this);
  StreamingRespond(message, final);
}

void GrpsContext::CustomizedHttpStreamingRespond(const void *data, size_t size, bool final) {
  Send(final, [&](Client &client) { client.SendBytes(data, size); });
}

void GrpsContext::Send(bool final, const std::function<void(Client &)> &send) {
  const std::lock_guard<std::mutex> lock(streaming_mutex_);
  if (!IfStreaming() || has_ended_) return;
  has_ended_ = final;
  has_streamed_ = true;
  send(*client_);
}

void GrpsContext::set_err_msg(const std::string &message) {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_err_ = true;
  err_msg_ = message;
}

std::string GrpsContext::err_msg() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return err_msg_;
}

std::shared_ptr<void> GrpsContext::user_data() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return user_data_;
}

void GrpsContext::set_user_data(std::shared_ptr<void> data) {
  const std::lock_guard<std::mutex> lock(mutex_);
  user_data_ = std::move(data);
}

}  // namespace netease::grps
