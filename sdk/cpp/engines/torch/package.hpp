// Packages of AOTInductor: machine code, with the structures of its inputs and outputs as notes.
#ifndef GRPS_TORCH_PACKAGE_HPP
#define GRPS_TORCH_PACKAGE_HPP

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <string>
#include <utility>
#include <vector>

#include "model.hpp"

namespace grps::engine {

class PackageModel : public TorchModel {
 public:
  explicit PackageModel(const Options &options) : loader_(Checked(options)) {
    const auto compiled = loader_.get_metadata()["AOTI_DEVICE_KEY"];
    if (!compiled.empty() && compiled != "cpu") throw NeedsPython("device " + compiled);
    signature.notes = loader_.get_call_spec();
  }

  NamedTensors Run(const grps_tensor *inputs, uint64_t count, BorrowedMemory *) override {
    std::vector<at::Tensor> values;
    // Machine code does not say which of its inputs it writes to.
    for (uint64_t index = 0; index < count; ++index)
      values.push_back(Borrowed(inputs[index]).clone());
    std::vector<at::Tensor> results = loader_.run(values);
    values.clear();
    NamedTensors named;
    for (size_t index = 0; index < results.size(); ++index) {
      named.emplace_back("output_" + std::to_string(index), std::move(results[index]));
    }
    return named;
  }

 private:
  static const std::string &Checked(const Options &options) {
    if (options.is_channels_last) {
      throw ModelFailure(
          "inferer_args: memory_format: an AOTInductor package keeps the format it was compiled "
          "with; leave it out");
    }
    return options.path;
  }

  torch::inductor::AOTIModelPackageLoader loader_;
};

}  // namespace grps::engine

#endif
