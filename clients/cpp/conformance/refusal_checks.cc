// Calls that the service refuses before they run.
#include <atomic>
#include <thread>

#include "suite.h"

namespace conformance {

namespace {

using std::chrono::milliseconds;

Target without_retries(Target target) {
  target.options.retries.attempts = 1;
  return target;
}

void too_large(const Target& target) {
  const grps::Client client = target.client();
  const grps::Bytes large{std::string(std::size_t{5} << 20, 'x')};
  const auto error = expect_error<grps::TooLarge>([&] { client.predict(large); }, "5 MiB");
  expect(error.code() == 413, "the code 413");
  expect(client.predict("x").text() == "x", "a client that still works");
  Target small = target;
  small.options.max_response_bytes = 1000;
  expect_error<grps::TooLarge>([&] { small.client().predict(std::string(2000, 'x')); },
                               "a response that is too large");
}

void rate_limited(const Target& target) {
  const grps::Client client = without_retries(target).tls_client(target.limited_key);
  expect(client.predict("x").text() == "x", "a first call");
  const auto error =
      expect_error<grps::TooManyRequests>([&] { client.predict("x"); }, "a second call");
  expect(error.code() == 429 && error.may_repeat(), "the code 429");
  expect(error.retry_after() && *error.retry_after() >= milliseconds(1000), "a time to wait");
}

void overloaded(const Target& target) {
  const grps::Client client = without_retries(target).client();
  std::atomic<int> refused = 0;
  std::atomic<bool> has_retry_after = true;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      try {
        client.predict("500", {"busy"});
      } catch (const grps::TooManyRequests& error) {
        ++refused;
        if (error.retry_after() != milliseconds(1000)) has_retry_after = false;
      } catch (const grps::Error&) {  // it is missing in the count
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(refused >= 1 && refused <= 3,
         "one to three refused calls, got " + std::to_string(refused));
  expect(has_retry_after, "one second to wait");
}

void unavailable(const Target& target) {
  const grps::Client client = without_retries(target).tls_client(variable("GRPS_KEY"));
  const auto error =
      expect_error<grps::Unavailable>([&] { client.predict("x", {"absent"}); }, "absent");
  expect(error.code() == 503, "the code 503");
  expect(error.retry_after() == milliseconds(1000), "one second to wait");
}

void expect_a_pause_of_retry_after(Target target) {
  target.options.retries.attempts = 2;
  target.options.retries.first_pause = milliseconds(10);
  const grps::Client client = target.tls_client(variable("GRPS_KEY"));
  const auto begin = std::chrono::steady_clock::now();
  expect_error<grps::Unavailable>([&] { client.predict("x", {"absent"}); }, "absent");
  expect(std::chrono::steady_clock::now() - begin >= milliseconds(1000),
         "a repetition after Retry-After");
}

void retry(const Target& target) {
  // A text of its own: the service refuses each once since its start.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::string text = "cpp " + target.protocol + " " + std::to_string(now);
  expect_error<grps::TooManyRequests>(
      [&] { without_retries(target).client().predict(text + " once", {"flaky"}); }, "once");
  expect(target.client().predict(text, {"flaky"}).text() == text, "a result after a refusal");
  grps::ClientOptions options = target.options;
  options.retries.first_pause = milliseconds(10);
  const auto error = expect_error<grps::ConnectionFailed>(
      [&] { grps::Client("127.0.0.1:1", options).predict("x"); }, "a port without a service");
  expect(error.may_repeat(), "an error that allows another attempt");
  expect_a_pause_of_retry_after(target);
}

}  // namespace

std::vector<Check> refusal_checks() {
  return {{"too_large", too_large},
          {"rate_limited", rate_limited},
          {"overloaded", overloaded},
          {"unavailable", unavailable},
          {"retry", retry}};
}

}  // namespace conformance
