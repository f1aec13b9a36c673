// Settings of a client and of a call.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "grps/cancellation.h"

namespace grps {

enum class Protocol { Http, Grpc };

// Files in PEM format. Without ca_file, the authorities of the system are trusted.
struct Tls {
  std::string ca_file;
  std::string certificate_file;  // of the client, where the service asks for one
  std::string key_file;
};

// Calls that did not start are repeated: no connection, 429 and 503. The pause before the next
// attempt doubles each time and is a random part of itself; Retry-After of the service counts more.
struct Retries {
  int attempts = 4;  // 1: never repeat
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{5000};
};

struct ClientOptions {
  Protocol protocol = Protocol::Http;
  std::string key;                           // sent as "Authorization: Bearer KEY"
  std::optional<Tls> tls;                    // none: plain, unless the address begins with https://
  std::chrono::milliseconds timeout{60000};  // of a call, with its retries; streams have none
  std::chrono::milliseconds connect_timeout{10000};
  Retries retries;
  std::size_t connections = 8;  // HTTP: calls that run at once; any more wait. A stream has its own
  std::size_t max_response_bytes = std::size_t{256} << 20;  // of a response or piece of a stream
  // Called for each call without a traceparent, to continue the trace that is current.
  std::function<std::string()> current_traceparent;
};

struct CallOptions {
  std::string model;  // "name-version", or a name for its latest version; empty: the default
  std::optional<std::chrono::milliseconds> timeout;  // of this call; also of a stream
  std::string traceparent;                           // W3C trace context
  std::string tracestate;
  std::string request_id;
  bool repeatable = false;  // repeat it also after a connection that broke while it may have run
  std::optional<Cancellation> cancellation;
};

}  // namespace grps
