// Inferers that work on messages; one of them streams the words of a text.
#pragma once

#include "model_infer/inferer.h"

namespace netease::grps {

class WordInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new WordInferer(); }
  void Load() override {}
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             GrpsContext &ctx) override;
};

// Returns the message itself, decoded and encoded again.
class EchoInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new EchoInferer(); }
  void Load() override {}
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             GrpsContext &ctx) override {
    output.MergeFrom(input);
  }
};

REGISTER_INFERER(EchoInferer, echo_inferer);
REGISTER_INFERER(WordInferer, word_inferer);

}  // namespace netease::grps
