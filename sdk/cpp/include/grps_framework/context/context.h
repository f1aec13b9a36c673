// What converters and inferers know of a request, beside its message.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "brpc/controller.h"
#include "grps.pb.h"

namespace grpc {
class ServerContext;
template <typename T>
class ServerWriter;
}  // namespace grpc
namespace butil {
template <typename T>
class intrusive_ptr;
}  // namespace butil

namespace netease::grps {

class Converter;
class ModelInferer;
class TensorWrapper;

// The client's end of a request; there is none in unit tests. Implemented by the plugin.
class Client {
 public:
  virtual ~Client() = default;
  virtual bool IsStreaming() const = 0;
  virtual bool IsDisconnected() const = 0;
  // Send a chunk, and wait while the client is slow.
  virtual void SendMessage(const ::grps::protos::v1::GrpsMessage &message) = 0;
  virtual void SendBytes(const void *data, size_t size) = 0;
};

// Valid until the request is answered. All functions may be called by any thread.
class GrpsContext {
 public:
  explicit GrpsContext(
      const ::grps::protos::v1::GrpsMessage *request = nullptr,
      ::grpc::ServerWriter<::grps::protos::v1::GrpsMessage> *rpc_stream_writer = nullptr,
      butil::intrusive_ptr<brpc::ProgressiveAttachment> *http_stream_writer = nullptr,
      brpc::Controller *http_controller = nullptr, brpc::Controller *brpc_controller = nullptr,
      ::grpc::ServerContext *grpc_server_ctx = nullptr);
  ~GrpsContext();
  GrpsContext(const GrpsContext &) = delete;
  GrpsContext &operator=(const GrpsContext &) = delete;

  // User data: a value of any type that can be copied. All models of a request share it.
  template <typename T, typename = std::enable_if_t<std::is_copy_constructible_v<std::decay_t<T>>>>
  void SetUserData(T &&data) {
    using Value = std::decay_t<T>;
    const std::lock_guard<std::mutex> lock(mutex_);
    user_data_ = std::make_shared<Value>(std::forward<T>(data));
  }
  // Throws std::runtime_error when nothing is set. The type must be the one that was set.
  template <typename T, typename = std::enable_if_t<std::is_copy_constructible_v<std::decay_t<T>>>>
  std::decay_t<T> &GetUserData() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (user_data_ == nullptr) throw std::runtime_error("this request has no user data");
    return *static_cast<std::decay_t<T> *>(user_data_.get());
  }

  // Whether the client takes chunks.
  [[nodiscard]] bool IfStreaming();
  // Send a chunk; nothing happens if the client takes none, or after the final one.
  void StreamingRespond(const ::grps::protos::v1::GrpsMessage &message, bool final = false);
  void StreamingRespondWithPostprocess(
      const std::vector<std::pair<std::string, TensorWrapper>> &tensors, bool final = false);
  void CustomizedHttpStreamingRespond(const void *data, size_t size, bool final = false);
  // Whether the client has left.
  [[nodiscard]] bool IfDisconnected();

  // A request with an error fails with its message; the others of its batch go on.
  void set_has_err(bool has_err) { has_err_ = has_err; }
  [[nodiscard]] bool has_err() const { return has_err_; }
  void set_err_msg(const std::string &message);
  [[nodiscard]] std::string err_msg();

  // The HTTP exchange; nullptr for a request that came otherwise.
  [[nodiscard]] brpc::Controller *http_controller() { return http_controller_; }
  [[nodiscard]] brpc::Controller *brpc_controller() const { return brpc_controller_; }
  [[nodiscard]] ::grpc::ServerContext *grpc_server_ctx() const { return grpc_server_ctx_; }

  [[nodiscard]] const ::grps::protos::v1::GrpsMessage *request() const { return request_; }
  void set_converter(Converter *converter) { converter_ = converter; }
  [[nodiscard]] Converter *converter() const { return converter_; }
  void set_inferer(ModelInferer *inferer) { inferer_ = inferer; }
  [[nodiscard]] ModelInferer *inferer() const { return inferer_; }

  // For the framework: the client's end, whether a chunk was sent, and the user data as it is
  // handed from one model of a request to the next.
  void set_client(Client *client) { client_ = client; }
  [[nodiscard]] bool has_streamed() const { return has_streamed_; }
  [[nodiscard]] std::shared_ptr<void> user_data();
  void set_user_data(std::shared_ptr<void> data);

 private:
  // Runs `send` unless the stream has ended.
  void Send(bool final, const std::function<void(Client &)> &send);

  const ::grps::protos::v1::GrpsMessage *request_;
  brpc::Controller *http_controller_;
  brpc::Controller *brpc_controller_;
  ::grpc::ServerContext *grpc_server_ctx_;
  Client *client_ = nullptr;
  Converter *converter_ = nullptr;
  ModelInferer *inferer_ = nullptr;

  std::mutex mutex_;  // of user_data_ and err_msg_
  std::shared_ptr<void> user_data_;
  std::string err_msg_;
  std::atomic<bool> has_err_{false};

  std::mutex streaming_mutex_;  // one chunk at a time
  std::atomic<bool> has_streamed_{false};
  bool has_ended_ = false;
};

}  // namespace netease::grps
