// What happens to calls whose connection breaks, and what is sent.
#include <gtest/gtest.h>

#include <thread>

#include "broken_server.h"
#include "grps/client.h"

namespace {

using std::chrono::milliseconds;

const char* const kHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

std::string answer(const std::string& body) {
  return kHead + ("content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

TEST(ConnectionTest, DoesNotRepeatACallThatMayHaveRun) {
  BrokenServer server({answer(R"({"str_data":"a"})")});
  const grps::Client client(server.address());
  EXPECT_EQ(client.predict("1").text(), "a");
  // The connection is kept, so libcurl would send this request again by itself.
  EXPECT_THROW(client.predict("2"), grps::ConnectionFailed);
  EXPECT_EQ(server.requests(), 2);
}

TEST(ConnectionTest, RepeatsItIfTheCallerAllowsIt) {
  BrokenServer server({});
  grps::ClientOptions options;
  options.retries.first_pause = milliseconds(1);
  grps::CallOptions call;
  call.repeatable = true;
  EXPECT_THROW(grps::Client(server.address(), options).predict("1", call), grps::ConnectionFailed);
  EXPECT_EQ(server.requests(), 4);
}

TEST(ConnectionTest, ReportsAStreamThatIsCut) {
  const std::string piece = "{\"str_data\":\"a\"}\n";
  BrokenServer server({std::string(kHead) + "content-length: 1000\r\n\r\n" + piece}, true);
  grps::Stream stream = grps::Client(server.address()).stream("1");
  EXPECT_EQ(stream.next()->text(), "a");
  EXPECT_THROW(stream.next(), grps::ConnectionFailed);
  EXPECT_FALSE(stream.next());
}

TEST(ConnectionTest, SendsTraceKeyAndTimeout) {
  BrokenServer server({answer(R"({"str_data":"a"})"), answer(R"({"str_data":"a"})")});
  grps::ClientOptions options;
  options.key = "secret";
  options.connections = 1;
  options.current_traceparent = [] { return std::string("00-current"); };
  const grps::Client client(server.address(), options);
  client.predict("{}", {"my model"});
  for (const char* part :
       {"POST /grps/v1/infer/predict?model=my%20model HTTP/1.1", "Authorization: Bearer secret",
        "traceparent: 00-current", "X-Request-Timeout-Ms: ", "Content-Type: application/json"}) {
    EXPECT_NE(server.head().find(part), std::string::npos) << part << server.head();
  }
  grps::CallOptions call;
  call.traceparent = "00-own";
  client.predict("x", call);
  EXPECT_NE(server.head().find("traceparent: 00-own"), std::string::npos);
}

TEST(ConnectionTest, RefusesHeadersWithLineBreaks) {
  grps::ClientOptions options;
  options.key = "a\r\nX-Other: b";
  EXPECT_THROW(grps::Client("127.0.0.1:1", options), grps::InvalidRequest);
  grps::CallOptions call;
  call.traceparent = "a\nb";
  for (const auto protocol : {grps::Protocol::Http, grps::Protocol::Grpc}) {
    grps::ClientOptions plain;
    plain.protocol = protocol;
    EXPECT_THROW(grps::Client("127.0.0.1:1", plain).predict("x", call), grps::InvalidRequest);
  }
}

TEST(ConnectionTest, WaitsForAConnectionNoLongerThanTheTimeout) {
  BrokenServer server({"HTTP/1.1 100 Continue\r\n\r\n"});
  grps::ClientOptions options;
  options.connections = 1;
  const grps::Client client(server.address(), options);
  grps::CallOptions slow;
  slow.cancellation.emplace();
  std::thread holder([&] { EXPECT_THROW(client.predict("x", slow), grps::Cancelled); });
  while (server.requests() == 0) std::this_thread::sleep_for(milliseconds(1));
  grps::CallOptions quick;
  quick.timeout = milliseconds(50);
  EXPECT_THROW(client.predict("x", quick), grps::DeadlineExceeded);
  slow.cancellation->cancel();
  holder.join();
}

}  // namespace
