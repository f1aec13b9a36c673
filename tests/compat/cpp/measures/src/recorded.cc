#include "recorded.h"

#include <chrono>
#include <sstream>
#include <thread>

#include "monitor/monitor.h"

namespace netease::grps {
namespace {

using ::grps::protos::v1::GenericTensor;

GrpsMessage Text(const std::string &text) {
  GrpsMessage message;
  message.set_str_data(text);
  return message;
}

template <typename Numbers>
void DoubleAll(Numbers *numbers) {
  for (auto &number : *numbers) number += number;
}

// Doubles the elements of the tensor's type, a text by writing it twice. A tensor without a type
// loses its elements.
GenericTensor Doubled(const GenericTensor &tensor) {
  GenericTensor doubled = tensor;
  switch (tensor.dtype()) {
    case ::grps::protos::v1::DT_UINT8:
      DoubleAll(doubled.mutable_flat_uint8());
      break;
    case ::grps::protos::v1::DT_INT8:
      DoubleAll(doubled.mutable_flat_int8());
      break;
    case ::grps::protos::v1::DT_INT16:
      DoubleAll(doubled.mutable_flat_int16());
      break;
    case ::grps::protos::v1::DT_INT32:
      DoubleAll(doubled.mutable_flat_int32());
      break;
    case ::grps::protos::v1::DT_INT64:
      DoubleAll(doubled.mutable_flat_int64());
      break;
    case ::grps::protos::v1::DT_FLOAT16:
      DoubleAll(doubled.mutable_flat_float16());
      break;
    case ::grps::protos::v1::DT_FLOAT32:
      DoubleAll(doubled.mutable_flat_float32());
      break;
    case ::grps::protos::v1::DT_FLOAT64:
      DoubleAll(doubled.mutable_flat_float64());
      break;
    case ::grps::protos::v1::DT_STRING:
      for (auto &text : *doubled.mutable_flat_string()) text = text + text;
      break;
    default:
      doubled.clear_flat_float32();
  }
  return doubled;
}

GrpsMessage Answer(const GrpsMessage &input) {
  GrpsMessage answer;
  if (!input.has_gtensors()) {
    answer.CopyFrom(input);
    answer.clear_model();
    return answer;
  }
  for (const auto &tensor : input.gtensors().tensors()) {
    *answer.mutable_gtensors()->add_tensors() = Doubled(tensor);
  }
  return answer;
}

void StreamWords(const std::string &text, GrpsContext &ctx) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    ctx.StreamingRespond(Text(word));
    if (text.rfind("slow ", 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(150));
  }
}

}  // namespace

void EchoDouble::Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) {
  if (!ctx.IfStreaming()) {
    output = Answer(input);
  } else if (input.has_str_data()) {
    StreamWords(input.str_data(), ctx);
  } else {
    for (int piece = 0; piece < 2; ++piece) ctx.StreamingRespond(Answer(input));
  }
}

void StreamErr::Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) {
  if (!ctx.IfStreaming()) {
    output.set_str_data("not streaming");
    return;
  }
  ctx.StreamingRespond(Text("first"));
  const std::string &mode = input.str_data();
  if (mode == "raise") throw InfererException("boom mid stream");
  if (mode == "ctx") ctx.set_err_msg("ctx err mid stream");
  if (mode == "final") ctx.StreamingRespond(Text("last"), true);
  GrpsMessage piece;
  if (mode == "bin") {
    piece.set_bin_data(std::string("\0\1bin", 5));
  } else if (mode == "failmsg") {
    piece.set_str_data("x");
    piece.mutable_status()->set_status(::grps::protos::v1::Status::FAILURE);
    piece.mutable_status()->set_code(418);
    piece.mutable_status()->set_msg("teapot");
  } else {
    return;
  }
  ctx.StreamingRespond(piece);
}

void Metric::Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) {
  MONITOR_AVG("usr_avg", 1.5);
  MONITOR_MAX("usr_max", 7);
  MONITOR_MIN("usr_min", 3);
  MONITOR_INC("usr_inc", 2);
  MONITOR_CDF("usr_cdf", 5.5);
  output.set_str_data("metric");
}

void NpConverter::PreProcess(const GrpsMessage &input,
                             std::vector<std::pair<std::string, TensorWrapper>> &output,
                             GrpsContext &ctx) {
  if (input.gtensors().tensors_size() == 0) throw ConverterException("a tensor is needed");
  output.emplace_back("x", input.gtensors().tensors(0));
  ctx.SetUserData(1);
}

void NpConverter::PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                              GrpsMessage &output, GrpsContext &ctx) {
  auto *tensor = output.mutable_gtensors()->add_tensors();
  *tensor = *input.at(0).second.generic_tensor;
  tensor->set_name("n=" + std::to_string(ctx.GetUserData<int>()));
}

void NpInferer::Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                      std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                      GrpsContext &ctx) {
  GenericTensor y = *inputs.at(0).second.generic_tensor;
  for (auto &value : *y.mutable_flat_float32()) value = 2 * value + 1;
  outputs.emplace_back("y", std::move(y));
}

}  // namespace netease::grps
