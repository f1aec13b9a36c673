// Adds lengths in a JSON body of its own: a converter that reads and writes HTTP.
#pragma once

#include "converter/converter.h"
#include "model_infer/inferer.h"

namespace netease::grps {

class RulerConverter : public Converter {
 public:
  Converter *Clone() override { return new RulerConverter(); }
  void PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                  std::vector<std::pair<std::string, TensorWrapper>> &output,
                  GrpsContext &ctx) override;
  void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                   ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) override;
};

class SumInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new SumInferer(); }
  void Load() override {}
  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;
};

REGISTER_CONVERTER(RulerConverter, ruler_converter);
REGISTER_INFERER(SumInferer, sum_inferer);

}  // namespace netease::grps
