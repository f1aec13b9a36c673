// What is sent arrives, and comes back.
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "suite.h"

namespace conformance {

namespace {

void text(const Target& target) {
  const std::string sent = "déjà vu \"\\\n 你好 🎉";
  expect(target.client().predict(sent).text() == sent, "the text that was sent");
  expect(target.client().predict("", {"echo-1.0.0"}).text().empty(), "an empty text");
}

void binary(const Target& target) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  expect(target.client().predict(grps::Bytes{all}).bytes() == all, "the bytes that were sent");
}

void expect_same(const grps::Tensor& sent, const grps::Tensors& got) {
  expect(got.size() == 1, "one tensor");
  const std::string what = std::string("the same ") + grps::name_of(sent.type());
  expect(got[0].name() == sent.name() && got[0].shape() == sent.shape(), what + " name and shape");
  expect(got[0].type() == sent.type(), what + " type");
  expect(got[0].any_elements() == sent.any_elements(), what + " elements");
}

template <typename Element>
void round_trip(const grps::Client& client, std::vector<Element> elements) {
  const auto size = static_cast<std::uint32_t>(elements.size());
  for (const grps::Shape& shape : {grps::Shape{size}, grps::Shape{1, size, 1}}) {
    const grps::Tensor sent("x", shape, elements);
    expect_same(sent, client.predict(sent).tensors());
  }
  const grps::Tensor empty("x", {2, 0, 3}, std::vector<Element>());
  expect_same(empty, client.predict(empty).tensors());
}

template <typename Integer>
std::vector<Integer> extremes() {
  return {std::numeric_limits<Integer>::min(), 0, 1, std::numeric_limits<Integer>::max()};
}

void tensors(const Target& target) {
  const grps::Client client = target.client();
  round_trip(client, extremes<std::uint8_t>());
  round_trip(client, extremes<std::int8_t>());
  round_trip(client, extremes<std::int16_t>());
  round_trip(client, extremes<std::int32_t>());
  round_trip(client, extremes<std::int64_t>());
  round_trip<float>(client, {0.1F, -0.0F, 3.4e38F, 1e-45F, INFINITY, -INFINITY});
  round_trip<double>(client, {0.1, 1e300, 5e-324, -INFINITY});
  round_trip<std::string>(client, {"", "é\n\"", std::string("\0\xff", 2)});
  const auto half = grps::Tensor::float16("half", {3}, {0.5F, -65504.0F, 6e-8F});
  const auto got = client.predict(half).tensor("half");
  expect(got.type() == grps::DataType::Float16, "the type float16");
  expect(std::abs(got.elements<float>()[1] + 65504.0F) < 1, "the elements of float16");
  const auto nan = client.predict(grps::Tensor("x", {}, std::vector<float>{NAN}));
  expect(std::isnan(nan.tensor("x").elements<float>()[0]), "NaN in a scalar");
  const grps::Maps maps{{{"a", "é"}},       {{"b", "\xff"}}, {{"c", -1}},
                        {{"d", 1LL << 60}}, {{"e", 0.1F}},   {{"f", 0.1}}};
  const grps::Maps echoed = client.predict(maps).maps();
  expect(echoed.strings == maps.strings && echoed.bytes == maps.bytes &&
             echoed.int32s == maps.int32s && echoed.int64s == maps.int64s &&
             echoed.floats == maps.floats && echoed.doubles == maps.doubles,
         "the same maps");
}

void ndarray(const Target& target) {
  const grps::NdArray sent{{2, 1, 3}, {1, 2, 3, -4, 0.5, 1e9}};
  const grps::NdArray got = target.client().predict(sent).ndarray();
  expect(got.shape == sent.shape && got.elements == sent.elements, "the same nested lists");
}

void metadata(const Target& target) {
  const grps::Client client = target.client();
  expect(client.is_ready(), "a service that is ready");
  expect(!target.tls_client(variable("GRPS_KEY")).is_ready(), "one that is not ready");
  expect(client.metadata("echo-1.0.0").find("echo") != std::string::npos, "the model's name");
  expect(client.server_metadata().find("max_request_bytes") != std::string::npos, "limits");
}

void concurrent(const Target& target) {
  const grps::Client client = target.client();
  std::atomic<int> next = 0;
  std::atomic<int> succeeded = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 32; ++thread) {
    threads.emplace_back([&] {
      for (int call = next++; call < 200; call = next++) {
        const std::string sent = "call " + std::to_string(call);
        try {
          if (client.predict(sent).text() == sent) ++succeeded;
        } catch (const grps::Error&) {  // it is missing in the count
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(succeeded == 200, "200 results, got " + std::to_string(succeeded));
}

}  // namespace

std::vector<Check> content_checks() {
  return {{"text", text},       {"binary", binary},     {"tensors", tensors},
          {"ndarray", ndarray}, {"metadata", metadata}, {"concurrent", concurrent}};
}

}  // namespace conformance
