// Tensors of messages for all engines: joined for a batch, and divided among its requests.
#include <algorithm>

#include "converter/tensor_converter.h"
#include "model_infer/engine_inferer.h"

namespace netease::grps {
namespace {

using ::grps::protos::v1::GenericTensor;
using ::grps::protos::v1::GrpsMessage;
using Tensors = ModelInferer::Tensors;

// Appends the rows of a tensor to those of another one.
void Append(const GenericTensor &tensor, GenericTensor *target) {
  GenericTensor part = tensor;
  const auto &shape = target->shape();
  if (part.shape_size() == 0 || part.shape_size() != target->shape_size() ||
      part.dtype() != target->dtype() ||
      !std::equal(part.shape().begin() + 1, part.shape().end(), shape.begin() + 1)) {
    throw Converter::ConverterException(
        "the requests of a batch have tensors of different types or shapes");
  }
  target->set_shape(0, target->shape(0) + part.shape(0));
  part.clear_shape();
  target->MergeFrom(part);
}

int64_t RowsOf(const GrpsMessage &message) {
  const auto &tensors = message.gtensors();
  const bool has_rows = tensors.tensors_size() > 0 && tensors.tensors(0).shape_size() > 0;
  return has_rows ? tensors.tensors(0).shape(0) : 1;
}

}  // namespace

void TensorConverter::PreProcess(const GrpsMessage &input, Tensors &output, GrpsContext &) {
  if (input.gtensors().tensors_size() == 0) {
    throw ConverterException("the request has no tensors (gtensors)");
  }
  for (const GenericTensor &tensor : input.gtensors().tensors()) {
    output.emplace_back(tensor.name(), FromMessage(tensor));
  }
}

void TensorConverter::PostProcess(const Tensors &input, GrpsMessage &output, GrpsContext &) {
  auto *tensors = output.mutable_gtensors();
  for (const auto &tensor : input) ToMessage(tensor, 0, -1, tensors->add_tensors());
}

void TensorConverter::BatchPreProcess(std::vector<const GrpsMessage *> &inputs, Tensors &output,
                                      std::vector<GrpsContext *> &ctxs) {
  GrpsMessage joined = *inputs.front();
  auto *all = joined.mutable_gtensors();
  for (size_t index = 1; index < inputs.size(); ++index) {
    const auto &own = inputs[index]->gtensors();
    if (own.tensors_size() != all->tensors_size()) {
      throw ConverterException("the requests of a batch have different numbers of tensors");
    }
    for (int at = 0; at < own.tensors_size(); ++at)
      Append(own.tensors(at), all->mutable_tensors(at));
  }
  PreProcess(joined, output, *ctxs.front());
}

void TensorConverter::BatchPostProcess(const Tensors &input, std::vector<GrpsMessage *> &outputs,
                                       std::vector<GrpsContext *> &ctxs) {
  int64_t first = 0;
  for (size_t index = 0; index < outputs.size(); ++index) {
    const int64_t rows = RowsOf(*ctxs[index]->request());
    auto *tensors = outputs[index]->mutable_gtensors();
    for (const auto &tensor : input) ToMessage(tensor, first, rows, tensors->add_tensors());
    first += rows;
  }
}

void EngineInferer::BatchInfer(const Tensors &inputs, Tensors &outputs,
                               std::vector<GrpsContext *> &ctxs) {
  Infer(inputs, outputs, *ctxs.front());
}

void EngineInferer::Infer(const GrpsMessage &input, GrpsMessage &output, GrpsContext &ctx) {
  Tensors inputs, outputs;
  tensor_converter().PreProcess(input, inputs, ctx);
  Infer(inputs, outputs, ctx);
  tensor_converter().PostProcess(outputs, output, ctx);
}

void EngineInferer::BatchInfer(std::vector<const GrpsMessage *> &inputs,
                               std::vector<GrpsMessage *> &outputs,
                               std::vector<GrpsContext *> &ctxs) {
  Tensors before, after;
  tensor_converter().BatchPreProcess(inputs, before, ctxs);
  BatchInfer(before, after, ctxs);
  tensor_converter().BatchPostProcess(after, outputs, ctxs);
}

}  // namespace netease::grps
