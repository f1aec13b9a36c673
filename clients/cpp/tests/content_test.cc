// Tensors and what requests and results contain.
#include "grps/content.h"

#include <gtest/gtest.h>

#include "grps/errors.h"

namespace {

TEST(TensorTest, TakesItsTypeFromItsElements) {
  const grps::Tensor tensor("x", {1, 2}, std::vector<std::int16_t>{1, 2});
  EXPECT_EQ(tensor.type(), grps::DataType::Int16);
  EXPECT_EQ(tensor.elements<std::int16_t>()[1], 2);
  EXPECT_EQ(grps::Tensor::float16("h", {1}, {1.0F}).type(), grps::DataType::Float16);
}

TEST(TensorTest, RefusesAShapeOfAnotherSize) {
  EXPECT_THROW(grps::Tensor("x", {3}, std::vector<float>{1}), grps::InvalidRequest);
  EXPECT_THROW(grps::Tensor("x", {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, std::vector<float>{}),
               grps::InvalidRequest);
  EXPECT_EQ(grps::Tensor("scalar", {}, std::vector<float>{1}).size(), 1U);
  EXPECT_EQ(grps::Tensor("empty", {2, 0}, std::vector<float>{}).size(), 0U);
}

TEST(TensorTest, NamesTheTypeThatItHas) {
  const grps::Tensor tensor("x", {1}, std::vector<float>{1});
  try {
    tensor.elements<double>();
    FAIL() << "no error";
  } catch (const grps::WrongContent& error) {
    EXPECT_STREQ(error.what(), "tensor \"x\" has elements of type float32");
  }
}

TEST(ContentTest, GivesWhatItHasAndNothingElse) {
  EXPECT_EQ(grps::Content("text").text(), "text");
  EXPECT_TRUE(grps::Content().is_empty());
  const grps::Content bytes = grps::Bytes{"abc"};
  EXPECT_EQ(bytes.bytes(), "abc");
  EXPECT_THROW(bytes.text(), grps::WrongContent);
  EXPECT_THROW(bytes.ndarray(), grps::WrongContent);
  const grps::Content tensors = grps::Tensor("x", {1}, std::vector<float>{1});
  EXPECT_EQ(tensors.tensor("x").size(), 1U);
  EXPECT_THROW(tensors.tensor("y"), grps::WrongContent);
}

TEST(BytesTest, ReadsAWholeFile) {
  EXPECT_EQ(grps::Bytes::from_file("/dev/null").data, "");
  EXPECT_GT(grps::Bytes::from_file("/proc/self/exe").data.size(), 1000U);
}

TEST(BytesTest, ReportsAFileThatCanNotBeRead) {
  EXPECT_THROW(grps::Bytes::from_file("/nonexistent/image.png"), grps::InvalidRequest);
  EXPECT_THROW(grps::Bytes::from_file("/proc"), grps::InvalidRequest);
}

}  // namespace
