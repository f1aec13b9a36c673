// Streams: order, memory, and what ends them.
#include <algorithm>
#include <fstream>
#include <thread>

#include "suite.h"

namespace conformance {

namespace {

std::string number_of(const grps::Result& piece) {
  const std::string& text = piece.text();
  return text.substr(0, text.find(' '));
}

void stream(const Target& target) {
  const grps::Client client = target.client();
  int count = 0;
  for (const grps::Result& piece : client.stream("10000", {"count"})) {
    expect(number_of(piece) == std::to_string(count), "piece " + std::to_string(count));
    ++count;
  }
  expect(count == 10000, "10000 pieces, got " + std::to_string(count));
  int taken = 0;
  client.stream("10", [&](const grps::Result&) { return ++taken < 5; }, {"count"});
  expect(taken == 5, "a function that ends the stream");
}

// The memory that the process has, in MiB.
long resident_mib() {
  std::ifstream statm("/proc/self/statm");
  long total = 0;
  long resident = 0;
  statm >> total >> resident;
  return resident * 4096 / (1 << 20);
}

// gRPC's library reads ahead for a slow reader, up to some 90 MB.
void slow_reader(const Target& target) {
  constexpr int kPieces = 400;
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  const grps::Client client = target.client();
  const long before = resident_mib();
  long highest = before;
  int count = 0;
  const std::string request = std::to_string(kPieces) + " " + std::to_string(kBytes);
  for (const grps::Result& piece : client.stream(request, {"count"})) {
    expect(piece.text().size() == kBytes, "a piece of 1 MiB");
    expect(number_of(piece) == std::to_string(count++), "pieces in order");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    highest = std::max(highest, resident_mib());
  }
  expect(count == kPieces, "400 pieces, got " + std::to_string(count));
  // All pieces together have 400 MiB.
  expect(highest - before < 200, "less than 200 MiB, got " + std::to_string(highest - before));
}

void cancel_stream(const Target& target) {
  const grps::Client client = target.client();
  int before = count_of(client, "cancelled");
  {
    grps::Stream endless = client.stream("-1 1000", {"count"});
    for (int piece = 0; piece < 10; ++piece) expect(endless.next().has_value(), "a piece");
  }
  expect_cancelled(client, before);
  before = count_of(client, "cancelled");
  grps::CallOptions options{"count"};
  options.cancellation.emplace();
  grps::Stream endless = client.stream("-1 1000", options);
  options.cancellation->cancel();
  expect_error<grps::Cancelled>(
      [&] {
        while (endless.next()) {
        }
      },
      "a cancelled stream");
  expect(!endless.next().has_value(), "the end after an error");
  expect_cancelled(client, before);
}

}  // namespace

std::vector<Check> stream_checks() {
  return {{"stream", stream}, {"slow_reader", slow_reader}, {"cancel_stream", cancel_stream}};
}

}  // namespace conformance
