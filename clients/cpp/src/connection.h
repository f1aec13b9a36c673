// What a protocol has to do; the client adds retries and deadlines.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "call.h"
#include "grps/content.h"
#include "grps/options.h"

namespace grps::internal {

// A response that arrives in pieces. Its destructor cancels the rest.
class Pieces {
 public:
  virtual ~Pieces() = default;
  virtual std::optional<Result> next() = 0;
};

// Makes each call once. All members may be called by any thread.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Result predict(const Content& inputs, const Call& call) = 0;
  // Waits for the first piece, so that a refusal is reported here.
  virtual std::unique_ptr<Pieces> stream(const Content& inputs, const Call& call) = 0;
  virtual std::string model_metadata(const Call& call) = 0;
  virtual std::string server_metadata(const Call& call) = 0;
  virtual bool is_ready(const Call& call) = 0;
};

// Host and port of an address, and whether it asked for TLS.
struct Address {
  std::string host_and_port;
  bool tls = false;

  // Throws InvalidRequest if it has another scheme or a path.
  static Address parse(const std::string& text);
};

#ifdef GRPS_CLIENT_HTTP
std::unique_ptr<Connection> connect_http(const Address& address, const ClientOptions& options);
#endif
#ifdef GRPS_CLIENT_GRPC
std::unique_ptr<Connection> connect_grpc(const Address& address, const ClientOptions& options);
#endif

// The name and version by which the client introduces itself.
std::string user_agent();

}  // namespace grps::internal
