// Retries, cancellation and deadlines.
#include "call.h"

#include <gtest/gtest.h>

#include <thread>

#include "connection.h"
#include "grps/errors.h"
#include "retries.h"
#include "statuses.h"

namespace grps::internal {
namespace {

using std::chrono::milliseconds;

Retries quick() {
  Retries retries;
  retries.first_pause = milliseconds(1);
  return retries;
}

template <typename Failure>
int count_attempts(bool repeatable, ErrorDetails details) {
  int attempts = 0;
  EXPECT_THROW(with_retries(quick(), repeatable, Call(),
                            [&]() -> int {
                              ++attempts;
                              throw Failure("no", details);
                            }),
               Failure);
  return attempts;
}

TEST(RetriesTest, RepeatsOnlyWhatDidNotRun) {
  EXPECT_EQ(count_attempts<Unavailable>(false, {503, {}, true}), 4);
  EXPECT_EQ(count_attempts<ModelError>(true, {500}), 1);
  EXPECT_EQ(count_attempts<ConnectionFailed>(false, {}), 1);
  EXPECT_EQ(count_attempts<ConnectionFailed>(true, {}), 4);
}

TEST(RetriesTest, ReturnsTheFirstResult) {
  int attempts = 0;
  const int result = with_retries(quick(), false, Call(), [&] {
    if (++attempts < 3) throw TooManyRequests("later", {429, {}, true});
    return 7;
  });
  EXPECT_EQ(result, 7);
  EXPECT_EQ(attempts, 3);
}

TEST(RetriesTest, DoublesItsPausesAndHonoursTheService) {
  const Unavailable plain("no", {503});
  const Retries retries;
  EXPECT_EQ(pause_after(1, plain, retries, 1.0), milliseconds(100));
  EXPECT_EQ(pause_after(3, plain, retries, 1.0), milliseconds(400));
  EXPECT_EQ(pause_after(30, plain, retries, 1.0), milliseconds(5000));
  EXPECT_EQ(pause_after(3, plain, retries, 0.0), milliseconds(0));
  const TooManyRequests asked("no", {429, milliseconds(2000)});
  EXPECT_EQ(pause_after(1, asked, retries, 0.5), milliseconds(2050));
}

TEST(RetriesTest, DoesNotWaitBeyondTheDeadline) {
  Call call;
  call.deadline = Clock::now() + milliseconds(500);
  const TooManyRequests asked("no", {429, milliseconds(2000), true});
  EXPECT_FALSE(wait_to_repeat(1, asked, Retries(), false, call));
  EXPECT_FALSE(wait_to_repeat(1, TooManyRequests("no", {429, milliseconds(1000000), true}),
                              Retries(), false, Call()));
}

TEST(RetriesTest, EndsWhenItIsCancelled) {
  Retries slow;
  slow.first_pause = slow.longest_pause = std::chrono::hours(1);
  Call call;
  std::thread canceller([cancellation = call.cancellation] { cancellation.cancel(); });
  EXPECT_THROW(with_retries(slow, false, call,
                            []() -> int {
                              throw Unavailable("no", {503, {}, true});
                            }),
               Error);
  canceller.join();
}

TEST(CancellationTest, CallsItsSubscribersOnce) {
  const Cancellation cancellation;
  int called = 0;
  {
    const Cancellation::Subscription kept(cancellation, [&] { ++called; });
    {
      const Cancellation::Subscription gone(cancellation, [&] { called += 100; });
    }
    cancellation.cancel();
    cancellation.cancel();
  }
  EXPECT_EQ(called, 1);
  EXPECT_FALSE(cancellation.wait_for(std::chrono::hours(1)));
  const Cancellation::Subscription late(cancellation, [&] { ++called; });
  EXPECT_EQ(called, 2);
}

TEST(CallTest, ChecksItsDeadline) {
  Call call;
  EXPECT_FALSE(call.remaining());
  EXPECT_NO_THROW(call.check());
  call.deadline = Clock::now() - milliseconds(1);
  EXPECT_EQ(call.remaining(), milliseconds(0));
  EXPECT_THROW(call.check(), DeadlineExceeded);
}

TEST(StatusesTest, HasAClassForEachStatus) {
  EXPECT_THROW(throw_status("", {400}), InvalidRequest);
  EXPECT_THROW(throw_status("", {401}), Unauthenticated);
  EXPECT_THROW(throw_status("", {403}), PermissionDenied);
  EXPECT_THROW(throw_status("", {404}), NotFound);
  EXPECT_THROW(throw_status("", {413}), TooLarge);
  EXPECT_THROW(throw_status("", {422}), InvalidRequest);
  EXPECT_THROW(throw_status("", {429}), TooManyRequests);
  EXPECT_THROW(throw_status("", {499}), Cancelled);
  EXPECT_THROW(throw_status("", {500}), ModelError);
  EXPECT_THROW(throw_status("", {501}), ModelError);
  EXPECT_THROW(throw_status("", {503}), Unavailable);
  EXPECT_THROW(throw_status("", {504}), DeadlineExceeded);
}

TEST(AddressTest, TakesHostAndPortWithOrWithoutAScheme) {
  EXPECT_EQ(Address::parse("host:80").host_and_port, "host:80");
  EXPECT_FALSE(Address::parse("http://host:80/").tls);
  EXPECT_TRUE(Address::parse("https://[::1]:443").tls);
  EXPECT_EQ(Address::parse("https://[::1]:443/").host_and_port, "[::1]:443");
  for (const char* wrong : {"", "ftp://host", "host:80/path", "https://"}) {
    EXPECT_THROW(Address::parse(wrong), InvalidRequest) << wrong;
  }
}

}  // namespace
}  // namespace grps::internal
