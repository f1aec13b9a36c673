#include <gtest/gtest.h>

#include <memory>

#include "executor/executor.h"
#include "grps_server_customized.h"
#include "logger/logger.h"
#include "monitor/monitor.h"
#include "system_monitor/system_monitor.h"

using namespace netease::grps;
using ::grps::protos::v1::GrpsMessage;

TEST(Measures, Init) {
  ASSERT_TRUE(GlobalConfig::Instance().Load());
  const auto &log = GlobalConfig::Instance().server_config().log;
  ASSERT_NO_THROW(DailyLogger::Instance().Init(log.log_dir + "/grps_server.log",
                                               log.log_backup_count, log.log_dir + "/grps_usr.log",
                                               log.log_backup_count));
  ASSERT_NO_THROW(Monitor::Instance().Init());
  ASSERT_NO_THROW(SystemMonitor::Instance().Init());
  ASSERT_NO_THROW(Executor::Instance().Init());
}

TEST(Measures, LengthsAreScaled) {
  GrpsMessage input, output;
  auto *tensor = input.mutable_gtensors()->add_tensors();
  tensor->set_name("width");
  tensor->set_dtype(::grps::protos::v1::DT_FLOAT32);
  tensor->add_shape(2);
  tensor->add_flat_float32(1);
  tensor->add_flat_float32(2.5);
  auto context = std::make_shared<GrpsContext>(&input);
  ASSERT_NO_THROW(Executor::Instance().Infer(input, output, context, "lengths-1.0.0"));
  ASSERT_FALSE(context->has_err());
  const auto &scaled = output.gtensors().tensors(0);
  ASSERT_EQ(scaled.name(), "width in cm");
  ASSERT_EQ(scaled.shape(0), 2u);
  ASSERT_FLOAT_EQ(scaled.flat_float32(1), 250);
}

TEST(Measures, ErrorOfABatchIsInTheContext) {
  GrpsMessage input, output;
  auto context = std::make_shared<GrpsContext>(&input);
  ASSERT_NO_THROW(Executor::Instance().Infer(input, output, context, "lengths-1.0.0"));
  ASSERT_TRUE(context->has_err());
  ASSERT_EQ(context->err_msg(), "[ConverterException] one tensor of lengths is needed");
}

TEST(Measures, WordsAreJoined) {
  GrpsMessage input, output;
  input.set_str_data("one  two");
  auto context = std::make_shared<GrpsContext>(&input);
  ASSERT_NO_THROW(Executor::Instance().Infer(input, output, context, "words-1.0.0"));
  ASSERT_EQ(output.str_data(), "one|two");
  input.set_str_data("stop");
  ASSERT_THROW(Executor::Instance().Infer(input, output, *context, "words-1.0.0"),
               ModelInferer::InfererException);
}

TEST(Measures, HttpIsAnswered) {
  GrpsMessage input, output;
  brpc::Controller http;
  http.http_request().set_content_type("application/json");
  http.http_request().set_method(brpc::HTTP_METHOD_POST);
  http.request_attachment().append(R"({"lengths": [1, 2]})");
  auto context = std::make_shared<GrpsContext>(&input, nullptr, nullptr, &http);
  ASSERT_NO_THROW(Executor::Instance().Infer(input, output, context));
  ASSERT_FALSE(context->has_err());
  ASSERT_EQ(http.http_response().status_code(), brpc::HTTP_STATUS_OK);
  ASSERT_EQ(http.response_attachment().to_string(), R"({"sum": 3, "unit": "m"})");
}

TEST(Measures, MessagesAreReadAndDescribed) {
  GrpsMessage message, read;
  message.set_str_data("a\n\"");
  message.mutable_status()->set_code(-1);
  ASSERT_EQ(message.ShortDebugString(), "status { code: -1 } str_data: \"a\\n\\\"\" ");
  const std::string encoded = message.SerializeAsString();
  ASSERT_TRUE(read.ParseFromString(encoded));
  ASSERT_EQ(read.status().code(), -1);
  for (size_t size = 1; size < encoded.size(); ++size) {
    const bool is_whole = size == encoded.size() - message.str_data().size() - 2;
    ASSERT_EQ(read.ParseFromString(encoded.substr(0, size)), is_whole) << size;
  }
  read.set_bin_data("b");
  ASSERT_FALSE(read.has_str_data());
  ASSERT_EQ(read.data_oneof_case(), GrpsMessage::kBinData);
}

int main(int argc, char **argv) {
  GrpsServerCustomizedLibInit();
  ::testing::InitGoogleTest(&argc, argv);
  const auto code = RUN_ALL_TESTS();
  Executor::Instance().Terminate();
  return code;
}
