// The inferer: it runs a model by OpenVINO on the tensors of the requests that run together.
#include <grps/openvino.hpp>

namespace {

class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the model. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings) {
    const std::string path = settings.folder() + "/" + settings.Text("/model", "data/model.xml");
    const int threads = static_cast<int>(settings.Integer("/threads", 1));
    model_ = ov::Core().compile_model(path, "CPU", ov::inference_num_threads(threads));
    request_ = model_.create_infer_request();
  }

  // Runs a batch; one thread calls it. Inputs and outputs have the names that the model has.
  void Infer(grps::Batch &batch) override {
    const bool is_single = model_.inputs().size() == 1;
    for (const auto &input : model_.inputs()) {
      const std::string &name = input.get_any_name();
      const grps::Tensor tensor = is_single ? batch.input(0) : batch.input(name);
      request_.set_tensor(name, grps::ToOpenVino(tensor));
    }
    request_.infer();
    for (const auto &output : model_.outputs()) {
      const std::string &name = output.get_any_name();
      grps::AddOpenVino(batch.outputs(), name, request_.get_tensor(name));
    }
  }

 private:
  ov::CompiledModel model_;
  ov::InferRequest request_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
