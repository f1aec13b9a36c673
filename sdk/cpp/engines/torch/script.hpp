// TorchScript files: inputs and outputs from the schema of `forward`.
#ifndef GRPS_TORCH_SCRIPT_HPP
#define GRPS_TORCH_SCRIPT_HPP

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model.hpp"

namespace grps::engine {

class ScriptModel : public TorchModel {
 public:
  explicit ScriptModel(const Options &options)
      : module_(Load(options)),
        method_(Forward(module_)),
        is_channels_last_(options.is_channels_last) {
    const c10::FunctionSchema &schema = method_.function().getSchema();
    for (size_t index = 1; index < schema.arguments().size(); ++index) {
      AddInput(schema.arguments()[index]);
    }
    RequireUpToLast();
    AddOutputs(schema.returns());
    FindWrites();
  }

  NamedTensors Run(const grps_tensor *inputs, uint64_t count, BorrowedMemory *memory) override {
    if (count > numbers_.size()) {
      throw InputFailure(
          "the model takes no input; send no tensor: {\"gtensors\": {\"tensors\": []}}");
    }
    std::vector<c10::IValue> values;
    for (uint64_t index = 0; index < count; ++index) {
      const bool is_number = numbers_[index] != c10::TypeKind::TensorType;
      values.push_back(is_number ? NumberOf(index, inputs[index])
                                 : c10::IValue(TensorOf(index, inputs[index], memory)));
    }
    if (!by_name_) return FlattenResult(method_(std::move(values)));
    std::unordered_map<std::string, c10::IValue> named;
    for (const std::string &name : fixed_) named.emplace(name, c10::IValue());
    for (size_t index = 0; index < values.size(); ++index) {
      named[signature.inputs[index].name] = std::move(values[index]);
    }
    return FlattenResult(method_({}, named));
  }

 private:
  static torch::jit::Module Load(const Options &options) {
    const bool is_moved = options.device != "original";
    auto module = torch::jit::load(
        options.path, is_moved ? std::make_optional(c10::Device(c10::kCPU)) : std::nullopt);
    module.eval();
    at::NoGradGuard no_grad;
    const auto arrange = [&](at::Tensor tensor) {
      if (!tensor.device().is_cpu()) throw NeedsPython("device " + tensor.device().str());
      if (options.is_channels_last && tensor.dim() == 4) {
        tensor.set_data(tensor.contiguous(at::MemoryFormat::ChannelsLast));
      }
    };
    for (const at::Tensor &parameter : module.parameters()) arrange(parameter);
    for (const at::Tensor &buffer : module.buffers()) arrange(buffer);
    return module;
  }

  static torch::jit::Method Forward(const torch::jit::Module &module) {
    if (auto method = module.find_method("forward")) return *method;
    throw ModelFailure("the TorchScript module has no method forward");
  }

  void AddInput(const c10::Argument &argument) {
    c10::TypePtr type = argument.type();
    const bool is_nullable = type->kind() == c10::TypeKind::OptionalType;
    if (is_nullable) type = type->expectRef<c10::OptionalType>().getElementType();
    const bool has_default = argument.default_value().has_value();
    if (is_nullable && !has_default) fixed_.push_back(argument.name());
    Spec spec;
    spec.name = argument.name();
    spec.is_optional = is_nullable || has_default;
    switch (type->kind()) {
      case c10::TypeKind::TensorType:
        break;
      case c10::TypeKind::IntType:
        spec.dtype = GRPS_INT64;
        break;
      case c10::TypeKind::FloatType:
      case c10::TypeKind::NumberType:
        spec.dtype = GRPS_FLOAT64;
        break;
      case c10::TypeKind::BoolType:
        spec.dtype = GRPS_UINT8;
        break;
      default:
        if (!spec.is_optional) {
          throw ModelFailure(
              "forward needs " + spec.name + ": " + argument.type()->annotation_str() +
              ", but inputs are tensors or numbers; wrap the model in a module whose "
              "forward takes only those");
        }
        by_name_ = true;
        return;
    }
    by_name_ |= argument.kwarg_only();
    numbers_.push_back(type->kind());
    signature.inputs.push_back(std::move(spec));
  }

  // Only inputs at the end may be left out.
  void RequireUpToLast() {
    by_name_ |= !fixed_.empty();
    bool is_before_required = false;
    for (auto spec = signature.inputs.rbegin(); spec != signature.inputs.rend(); ++spec) {
      is_before_required |= !spec->is_optional;
      if (is_before_required) spec->is_optional = false;
    }
  }

  void AddOutputs(const std::vector<c10::Argument> &returns) {
    const auto named = [](std::string name) {
      Spec spec;
      spec.name = std::move(name);
      return spec;
    };
    const c10::TypePtr &type = returns.at(0).type();
    if (type->kind() == c10::TypeKind::TensorType) signature.outputs.push_back(named("output"));
    if (type->kind() != c10::TypeKind::TupleType) return;
    const auto elements = type->expectRef<c10::TupleType>().elements();
    for (const c10::TypePtr &element : elements) {
      if (element->kind() != c10::TypeKind::TensorType) return;
    }
    for (size_t index = 0; index < elements.size(); ++index) {
      signature.outputs.push_back(named("output_" + std::to_string(index)));
    }
  }

  // Finds the inputs that the model writes to: those are copied, as requests share their memory.
  void FindWrites() {
    auto graph = torch::jit::toGraphFunction(method_.function()).graph()->copy();
    torch::jit::Inline(*graph);
    const torch::jit::AliasDb aliases(graph);
    const auto inputs = graph->inputs();
    for (const Spec &spec : signature.inputs) {
      bool is_written = true;
      for (size_t index = 1; index < inputs.size(); ++index) {
        const auto &argument = method_.function().getSchema().arguments().at(index);
        if (argument.name() == spec.name) is_written = aliases.hasWriters(inputs[index]);
      }
      writes_.push_back(is_written);
    }
  }

  at::Tensor TensorOf(uint64_t index, const grps_tensor &input, BorrowedMemory *memory) const {
    at::Tensor tensor = Borrowed(input);
    if (is_channels_last_ && tensor.dim() == 4) {
      return tensor.clone(at::MemoryFormat::ChannelsLast);
    }
    if (writes_[index]) return tensor.clone();
    memory->Add(tensor);
    return tensor;
  }

  c10::IValue NumberOf(uint64_t index, const grps_tensor &input) const {
    const at::Tensor tensor = Borrowed(input);
    if (tensor.numel() != 1) {
      throw InputFailure("input " + signature.inputs[index].name +
                         " is a number: expected one value, got shape " + ShapeOf(input));
    }
    switch (numbers_[index]) {
      case c10::TypeKind::IntType:
        return tensor.item().toLong();
      case c10::TypeKind::BoolType:
        return tensor.item().toLong() != 0;
      default:
        return tensor.item().toDouble();
    }
  }

  torch::jit::Module module_;
  torch::jit::Method method_;
  bool is_channels_last_;
  bool by_name_ = false;
  // Arguments to fill with None.
  std::vector<std::string> fixed_;
  // What each input is: TensorType, or the type of a number.
  std::vector<c10::TypeKind> numbers_;
  std::vector<bool> writes_;
};

}  // namespace grps::engine

#endif
