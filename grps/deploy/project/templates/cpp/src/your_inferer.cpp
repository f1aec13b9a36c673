// The inferer: it gets the tensors of the requests that run together, and adds the outputs.
#include <grps/plugin.hpp>

namespace {

// The model y = 2x.
class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the model. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings)
      : factor_(static_cast<float>(settings.Number("/factor", 2))) {
    grps::LogInfo("loaded: y = " + std::to_string(factor_) + " x");
  }

  // Runs a batch; one thread calls it. The outputs have as many rows as the inputs.
  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    // The client gets the text of an InputError with status 400.
    if (input.shape().empty()) throw grps::InputError("send a tensor with rows, such as [[1, 2]]");
    const grps::Span<float> x = input.As<float>();
    float *y = batch.outputs().Add<float>("y", input.shape());
    for (size_t index = 0; index < x.size(); ++index) y[index] = factor_ * x[index];
  }

 private:
  float factor_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
