// A client of a GRPS service. This header includes all others.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "grps/cancellation.h"
#include "grps/content.h"
#include "grps/errors.h"
#include "grps/options.h"
#include "grps/stream.h"
#include "grps/tensor.h"

namespace grps {

namespace internal {
class Connection;
}

// Any number of threads may use one client at once, and should: it keeps its connections.
class Client {
 public:
  // "host:port", also with http:// or https:// before it. Connects when the first call is made.
  // Throws InvalidRequest if an option can't be used or the protocol was not built.
  explicit Client(const std::string& address, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Calls a model and waits for its result. Throws a grps::Error.
  Result predict(const Content& inputs, const CallOptions& options = {}) const;

  // Calls a model that answers in pieces. Returns when the first piece, or the end, is here. The
  // stream may outlive the client.
  Stream stream(const Content& inputs, const CallOptions& options = {}) const;

  // The same with a function that gets the pieces; the stream ends when it returns false.
  void stream(const Content& inputs, const std::function<bool(const Result&)>& on_piece,
              const CallOptions& options = {}) const;

  // The description of a model as YAML: its inputs, outputs and configuration.
  std::string metadata(const std::string& model, const CallOptions& options = {}) const;

  // The configuration of the service as YAML.
  std::string server_metadata(const CallOptions& options = {}) const;

  // Whether all models are ready. Throws ConnectionFailed if there is no service.
  bool is_ready(const CallOptions& options = {}) const;

 private:
  ClientOptions options_;
  std::shared_ptr<internal::Connection> connection_;
};

}  // namespace grps
