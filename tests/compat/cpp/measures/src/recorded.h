// The models of the recorded project `basic`, in C++: what upstream answered is what they answer.
#pragma once

#include "converter/converter.h"
#include "model_infer/inferer.h"

namespace netease::grps {

using ::grps::protos::v1::GrpsMessage;

// A model that works on messages.
template <typename Model>
class MessageInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new Model(); }
  void Load() override {}
};

// Doubles tensors and returns other contents; streams the words of a text.
class EchoDouble : public MessageInferer<EchoDouble> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override;
};

// Returns the request with the name of its model.
class EchoRaw : public MessageInferer<EchoRaw> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override {
    output.CopyFrom(input);
  }
};

class Raiser : public MessageInferer<Raiser> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override {
    throw InfererException("boom from inferer");
  }
};

class ErrCtx : public MessageInferer<ErrCtx> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override {
    ctx.set_err_msg("user error msg");
    output.set_str_data("ignored");
  }
};

class HasErrOnly : public MessageInferer<HasErrOnly> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override {
    ctx.set_has_err(true);
    output.set_str_data("ignored");
  }
};

// Streams one message and goes on as the request says.
class StreamErr : public MessageInferer<StreamErr> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override;
};

class Metric : public MessageInferer<Metric> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override;
};

// Has no answer. Python's models can answer what is no message; those of C++ can't.
class Silent : public MessageInferer<Silent> {
 public:
  void Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) override {}
};

// One tensor of float32, joined to rows for the inferer.
class NpConverter : public Converter {
 public:
  Converter *Clone() override { return new NpConverter(); }
  void PreProcess(const GrpsMessage &input,
                  std::vector<std::pair<std::string, TensorWrapper>> &output,
                  GrpsContext &ctx) override;
  void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                   GrpsMessage &output, GrpsContext &ctx) override;
};

// y = 2 x + 1.
class NpInferer : public ModelInferer {
 public:
  ModelInferer *Clone() override { return new NpInferer(); }
  void Load() override {}
  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;
};

REGISTER_CONVERTER(NpConverter, NpConverter);
REGISTER_INFERER(EchoDouble, EchoDouble);
REGISTER_INFERER(EchoRaw, EchoRaw);
REGISTER_INFERER(EchoRaw, SameObj);
REGISTER_INFERER(Raiser, Raiser);
REGISTER_INFERER(ErrCtx, ErrCtx);
REGISTER_INFERER(HasErrOnly, HasErrOnly);
REGISTER_INFERER(StreamErr, StreamErr);
REGISTER_INFERER(Metric, Metric);
REGISTER_INFERER(Silent, NonMsg);
REGISTER_INFERER(Silent, ReturnNone);
REGISTER_INFERER(Silent, Sleeper);  // in the configuration, but no record asks it
REGISTER_INFERER(NpInferer, NpInferer);

}  // namespace netease::grps
