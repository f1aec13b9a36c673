// Returns the words of a text one by one: an inferer that works on messages, and streams.
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

REGISTER_INFERER(WordInferer, word_inferer);

}  // namespace netease::grps
