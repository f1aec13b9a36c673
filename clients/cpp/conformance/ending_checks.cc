// Calls that end before their result: cancelled, too slow, failed.
#include <thread>

#include "suite.h"

namespace conformance {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void cancel_unary(const Target& target) {
  const grps::Client client = target.client();
  const int before = count_of(client, "cancelled");
  grps::CallOptions options{"sleep"};
  options.cancellation.emplace();
  std::thread canceller([cancellation = *options.cancellation] {
    std::this_thread::sleep_for(milliseconds(200));
    cancellation.cancel();
  });
  const auto start = steady_clock::now();
  try {
    expect_error<grps::Cancelled>([&] { client.predict("30000", options); }, "a cancelled call");
  } catch (...) {
    canceller.join();
    throw;
  }
  canceller.join();
  expect(steady_clock::now() - start < milliseconds(2000), "an end at once");
  expect_cancelled(client, before);
}

void deadline(const Target& target) {
  const grps::Client client = target.client();
  const int before = count_of(client, "cancelled");
  grps::CallOptions options{"sleep"};
  options.timeout = milliseconds(200);
  const auto error = expect_error<grps::DeadlineExceeded>([&] { client.predict("30000", options); },
                                                          "a call with a timeout");
  expect(error.code() == 504, "the code 504");
  expect_cancelled(client, before);
}

void model_error(const Target& target) {
  const auto error = expect_error<grps::ModelError>(
      [&] { target.client().predict("the cat is out", {"fail"}); }, "a failed model");
  expect(error.code() == 500, "the code 500");
  expect(std::string(error.what()).find("the cat is out") != std::string::npos, "its text");
  expect_error<grps::ModelError>([&] { target.client().stream("no", {"fail"}); }, "in a stream");
}

void unknown_model(const Target& target) {
  const auto error = expect_error<grps::NotFound>([&] { target.client().predict("x", {"nobody"}); },
                                                  "an unknown model");
  expect(error.code() == 404, "the code 404");
  expect_error<grps::NotFound>([&] { target.client().metadata("nobody"); }, "its metadata");
}

void tls(const Target& target) {
  const std::string key = variable("GRPS_KEY");
  expect(target.tls_client(key).predict("safe").text() == "safe", "a text over TLS");
  expect_error<grps::ConnectionFailed>(
      [&] { target.tls_client(key, "GRPS_WRONG_CA").predict("x"); }, "a wrong authority");
}

void key(const Target& target) {
  expect(target.tls_client(variable("GRPS_KEY")).predict("x").text() == "x", "a good key");
  for (const char* bad : {"", "wrong"}) {
    const auto error = expect_error<grps::Unauthenticated>(
        [&] { target.tls_client(bad).predict("x"); }, "a call without a good key");
    expect(error.code() == 401, "the code 401");
  }
}

}  // namespace

std::vector<Check> ending_checks() {
  return {{"cancel_unary", cancel_unary},   {"deadline", deadline}, {"model_error", model_error},
          {"unknown_model", unknown_model}, {"tls", tls},           {"key", key}};
}

}  // namespace conformance
