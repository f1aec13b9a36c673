// The JSON of requests and responses.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "grps/errors.h"
#include "http/json_reader.h"
#include "http/json_writer.h"

namespace grps::internal {
namespace {

TEST(JsonWriterTest, WritesEachKindOfContent) {
  EXPECT_EQ(write_json({}), "{}");
  EXPECT_EQ(write_json("a\"\\\n\x1f é"), R"({"str_data":"a\"\\\u000a\u001f é"})");
  EXPECT_EQ(write_json(Tensor("x", {1, 2}, std::vector<float>{0.1F, 2})),
            R"({"gtensors":{"tensors":[{"name":"x","dtype":"DT_FLOAT32","shape":[1,2],)"
            R"("flat_float32":[0.1,2]}]}})");
  EXPECT_EQ(write_json(NdArray{{2, 1}, {1, -0.5}}), R"({"ndarray":[[1],[-0.5]]})");
  EXPECT_EQ(write_json(NdArray{{}, {7}}), R"({"ndarray":7})");
  Maps maps;
  maps.bytes["b"] = "\xff";
  maps.int32s["i"] = -1;
  EXPECT_EQ(write_json(maps), R"({"gmap":{"s_b":{"b":"/w=="},"s_i32":{"i":-1}}})");
}

TEST(JsonWriterTest, WritesWhatJsonHasNoNumbersFor) {
  const std::string json = write_json(Tensor(
      "x", {3}, std::vector<double>{NAN, INFINITY, -std::numeric_limits<double>::infinity()}));
  EXPECT_NE(json.find(R"(["NaN","Infinity","-Infinity"])"), std::string::npos) << json;
  const std::string bytes = write_json(Tensor("x", {1}, std::vector<std::string>{"\xff"}));
  EXPECT_NE(bytes.find(R"([{"b64":"/w=="}])"), std::string::npos) << bytes;
}

TEST(JsonWriterTest, RefusesWhatIsNoJson) {
  EXPECT_THROW(write_json("\xff"), InvalidRequest);
  EXPECT_THROW(write_json(NdArray{{2}, {1}}), InvalidRequest);
  EXPECT_THROW(write_json(Tensor("\xff", {}, std::vector<float>{1})), InvalidRequest);
}

TEST(JsonReaderTest, ReadsWhatTheWriterWrites) {
  const Tensors sent{Tensor("a", {2}, std::vector<std::int64_t>{INT64_MIN, INT64_MAX}),
                     Tensor("b", {1}, std::vector<std::string>{std::string("\0\xfe", 2)}),
                     Tensor::float16("c", {1}, {0.5F})};
  const Tensors got = read_json(write_json(sent)).tensors();
  ASSERT_EQ(got.size(), sent.size());
  for (std::size_t index = 0; index < sent.size(); ++index) {
    EXPECT_EQ(got[index].type(), sent[index].type());
    EXPECT_EQ(got[index].any_elements(), sent[index].any_elements());
  }
}

TEST(JsonReaderTest, ReadsTheFormsOfAResponse) {
  EXPECT_EQ(read_json(R"({"status":{"code":200,"status":"SUCCESS"},"str_data":"x"})").text(), "x");
  EXPECT_EQ(read_json(R"({"bin_data":"AAE="})").bytes(), std::string("\0\1", 2));
  const Content big = read_json(
      R"({"gtensors":{"tensors":[{"dtype":"DT_INT64","shape":[1],"flat_int64":["-9"]}]}})");
  EXPECT_EQ(big.tensor("").elements<std::int64_t>()[0], -9);
  const NdArray nested = read_json(R"({"ndarray":[[1],["NaN"]]})").ndarray();
  EXPECT_EQ(nested.shape, (Shape{2, 1}));
  EXPECT_TRUE(std::isnan(nested.elements[1]));
}

TEST(JsonReaderTest, ThrowsAFailure) {
  try {
    read_json(R"({"status":{"code":404,"msg":"no model","status":"FAILURE"}})");
    FAIL() << "no error";
  } catch (const NotFound& error) {
    EXPECT_STREQ(error.what(), "no model");
    EXPECT_EQ(error.code(), 404);
  }
}

TEST(JsonReaderTest, RefusesWhatIsNoMessage) {
  for (const char* json :
       {"", "{", "[1]", R"({"str_data":1})", R"({"gtensors":{"tensors":[{}]}})",
        R"({"gtensors":{"tensors":[{"dtype":"DT_INT64","shape":[1],"flat_int64":["x"]}]}})",
        R"({"gtensors":{"tensors":[{"dtype":"DT_INT8","shape":[2],"flat_int8":[1]}]}})"}) {
    EXPECT_THROW(read_json(json), ModelError) << json;
  }
}

TEST(JsonReaderTest, FindsTheTextOfAnError) {
  EXPECT_EQ(read_error_text(R"({"status":{"msg":"why"}})"), "why");
  EXPECT_EQ(read_error_text("plain"), "plain");
}

}  // namespace
}  // namespace grps::internal
