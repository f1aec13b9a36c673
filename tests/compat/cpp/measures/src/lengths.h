// Converts lengths between units: a converter with tensors of Eigen, user data and batches.
#pragma once

#include "converter/converter.h"
#include "model_infer/inferer.h"

namespace netease::grps {

class LengthConverter : public Converter {
 public:
  Converter *Clone() override { return new LengthConverter(); }
  void Init(const std::string &path, const YAML::Node &args) override;
  void PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                  std::vector<std::pair<std::string, TensorWrapper>> &output,
                  GrpsContext &ctx) override;
  void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                   ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) override;
  void BatchPreProcess(std::vector<const ::grps::protos::v1::GrpsMessage *> &inputs,
                       std::vector<std::pair<std::string, TensorWrapper>> &output,
                       std::vector<GrpsContext *> &ctxs) override;
  void BatchPostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                        std::vector<::grps::protos::v1::GrpsMessage *> &outputs,
                        std::vector<GrpsContext *> &ctxs) override;

 private:
  std::string unit_;
};

class ScaleInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new ScaleInferer(); }
  void Init(const std::string &path, const std::string &device, const YAML::Node &args) override;
  void Load() override;
  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;
  void BatchInfer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                  std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                  std::vector<GrpsContext *> &ctxs) override;

 private:
  float factor_ = 0;
};

// Says what LengthConverter was asked, as the next model of a sequence.
class ReportInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new ReportInferer(); }
  void Load() override {}
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             GrpsContext &ctx) override;
};

REGISTER_CONVERTER(LengthConverter, length_converter);
REGISTER_INFERER(ReportInferer, report_inferer);
REGISTER_INFERER(ScaleInferer, scale_inferer);

}  // namespace netease::grps
