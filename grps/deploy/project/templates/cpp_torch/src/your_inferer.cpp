// The inferer: it runs a TorchScript model on the tensors of the requests that run together.
#include <grps/torch.hpp>

namespace {

class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the model. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings) : device_(Device(settings)) {
    at::set_num_threads(static_cast<int>(settings.Integer("/threads", 1)));
    const std::string path = settings.folder() + "/" + settings.Text("/model", "data/model.pt");
    try {
      module_ = torch::jit::load(path, device_);
    } catch (const c10::Error &error) {
      throw std::runtime_error(path + ": " + error.what_without_backtrace());
    }
    module_.eval();
  }

  // Runs a batch; one thread calls it. The outputs have as many rows as the inputs.
  void Infer(grps::Batch &batch) override {
    const c10::InferenceMode inference_mode;
    std::vector<c10::IValue> inputs;
    for (size_t index = 0; index < batch.input_count(); ++index) {
      inputs.emplace_back(grps::ToTorch(batch.input(index)).to(device_));
    }
    grps::AddTorch(batch.outputs(), "y", module_.forward(std::move(inputs)).toTensor());
  }

 private:
  // `device` of inference.yml is cpu, cuda or cuda:N.
  static c10::Device Device(const grps::Settings &settings) {
    return c10::Device(settings.device().empty() ? "cpu" : settings.device());
  }

  c10::Device device_;
  torch::jit::Module module_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
