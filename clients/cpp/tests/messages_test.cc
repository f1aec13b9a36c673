// The messages of gRPC.
#include "grpc/messages.h"

#include <gtest/gtest.h>

#include "grps/errors.h"

namespace grps::internal {
namespace {

TEST(MessagesTest, ReadsWhatItWrites) {
  EXPECT_EQ(read_message(write_message("text")).text(), "text");
  EXPECT_EQ(read_message(write_message(Bytes{"\xff"})).bytes(), "\xff");
  EXPECT_TRUE(read_message(write_message({})).is_empty());
  const Tensors sent{Tensor("a", {2}, std::vector<std::uint8_t>{0, 255}),
                     Tensor::float16("b", {1}, {0.5F})};
  const Tensors got = read_message(write_message(sent)).tensors();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].any_elements(), sent[0].any_elements());
  EXPECT_EQ(got[1].type(), DataType::Float16);
}

TEST(MessagesTest, PutsStringsThatAreNoTextIntoBytes) {
  const auto texts = write_message(Tensor("x", {1}, std::vector<std::string>{"é"}));
  EXPECT_EQ(texts.gtensors().tensors(0).flat_string_size(), 1);
  const auto bytes = write_message(Tensor("x", {1}, std::vector<std::string>{"\xff"}));
  EXPECT_EQ(bytes.gtensors().tensors(0).flat_bytes_size(), 1);
  EXPECT_EQ(read_message(bytes).tensor("x").elements<std::string>()[0], "\xff");
}

TEST(MessagesTest, RefusesWhatGrpcDoesNotHave) {
  EXPECT_THROW(write_message("\xff"), InvalidRequest);
  EXPECT_THROW(write_message(NdArray{{1}, {1}}), InvalidRequest);
}

TEST(MessagesTest, RefusesATensorThatDoesNotFitItsShape) {
  protos::v1::GrpsMessage message;
  auto* tensor = message.mutable_gtensors()->add_tensors();
  tensor->set_dtype(protos::v1::DT_INT8);
  tensor->add_shape(2);
  EXPECT_THROW(read_message(message), ModelError);
}

TEST(MessagesTest, ThrowsAFailure) {
  protos::v1::GrpsMessage message;
  message.mutable_status()->set_status(protos::v1::Status::FAILURE);
  message.mutable_status()->set_code(429);
  EXPECT_THROW(read_message(message), TooManyRequests);
}

}  // namespace
}  // namespace grps::internal
