#include "lengths.h"

#include <fstream>

#include "logger/logger.h"
#include "monitor/monitor.h"

namespace netease::grps {
namespace {

struct Asked {
  std::string name;
  int count;
};

const ::grps::protos::v1::GenericTensor &LengthsOf(const ::grps::protos::v1::GrpsMessage &input) {
  if (!input.has_gtensors() || input.gtensors().tensors_size() != 1) {
    throw Converter::ConverterException("one tensor of lengths is needed");
  }
  return input.gtensors().tensors(0);
}

void Fill(const Asked &asked, const Eigen::Tensor<float, 1> &lengths, int first,
          const std::string &unit, ::grps::protos::v1::GrpsMessage *output) {
  auto *tensor = output->mutable_gtensors()->add_tensors();
  tensor->set_name(asked.name + " in " + unit);
  tensor->set_dtype(::grps::protos::v1::DT_FLOAT32);
  tensor->add_shape(asked.count);
  for (int at = 0; at < asked.count; ++at) tensor->add_flat_float32(lengths(first + at));
}

}  // namespace

void LengthConverter::Init(const std::string &path, const YAML::Node &args) {
  Converter::Init(path, args);
  std::ifstream(path) >> unit_;
  if (unit_.empty()) throw ConverterException("no unit in " + path);
  CLOG4(INFO, "lengths in " << unit_ << " with " << args);
}

void LengthConverter::PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                                 std::vector<std::pair<std::string, TensorWrapper>> &output,
                                 GrpsContext &ctx) {
  std::vector<const ::grps::protos::v1::GrpsMessage *> inputs = {&input};
  std::vector<GrpsContext *> ctxs = {&ctx};
  BatchPreProcess(inputs, output, ctxs);
}

void LengthConverter::PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                                  ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) {
  std::vector<::grps::protos::v1::GrpsMessage *> outputs = {&output};
  std::vector<GrpsContext *> ctxs = {&ctx};
  BatchPostProcess(input, outputs, ctxs);
}

void LengthConverter::BatchPreProcess(std::vector<const ::grps::protos::v1::GrpsMessage *> &inputs,
                                      std::vector<std::pair<std::string, TensorWrapper>> &output,
                                      std::vector<GrpsContext *> &ctxs) {
  std::vector<float> all;
  for (size_t at = 0; at < inputs.size(); ++at) {
    const auto &tensor = LengthsOf(*inputs[at]);
    ctxs[at]->SetUserData(Asked{tensor.name(), tensor.flat_float32_size()});
    for (const float length : tensor.flat_float32()) {
      if (length < 0) ctxs[at]->set_err_msg("a length is negative");
      all.push_back(length);
    }
  }
  auto joined = std::make_shared<Eigen::Tensor<float, 1>>(static_cast<long>(all.size()));
  std::copy(all.begin(), all.end(), joined->data());
  CLOG4(DEBUG, "lengths: " << all);
  output.emplace_back("lengths", joined);
}

void LengthConverter::BatchPostProcess(
    const std::vector<std::pair<std::string, TensorWrapper>> &input,
    std::vector<::grps::protos::v1::GrpsMessage *> &outputs, std::vector<GrpsContext *> &ctxs) {
  const auto &lengths = *input.at(0).second.eigen_1d_f_tensor;
  int first = 0;
  for (size_t at = 0; at < outputs.size(); ++at) {
    const auto &asked = ctxs[at]->GetUserData<Asked>();
    if (!ctxs[at]->has_err()) Fill(asked, lengths, first, unit_, outputs[at]);
    first += asked.count;
  }
}

void ScaleInferer::Init(const std::string &path, const std::string &device,
                        const YAML::Node &args) {
  ModelInferer::Init(path, device, args);
  factor_ = args["factor"].as<float>();
}

void ScaleInferer::Load() { CLOG4(INFO, "scaling by " << factor_ << " on " << device_); }

void ScaleInferer::Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                         std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                         GrpsContext &ctx) {
  std::vector<GrpsContext *> ctxs = {&ctx};
  BatchInfer(inputs, outputs, ctxs);
}

void ScaleInferer::BatchInfer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                              std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                              std::vector<GrpsContext *> &ctxs) {
  Eigen::Tensor<float, 1> scaled = *inputs.at(0).second.eigen_1d_f_tensor * factor_;
  if (scaled.size() == 0) throw InfererException("there are no lengths");
  MONITOR_INC("scaled", static_cast<float>(scaled.size()));
  MONITOR_MAX("batch", static_cast<float>(ctxs.size()));
  outputs.emplace_back("scaled", std::move(scaled));
}

void ReportInferer::Infer(const ::grps::protos::v1::GrpsMessage &input,
                          ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) {
  const auto &asked = ctx.GetUserData<Asked>();
  output.set_str_data(asked.name + ": " + std::to_string(asked.count) + ", " +
                      std::to_string(input.gtensors().tensors(0).flat_float32_size()));
}

}  // namespace netease::grps
