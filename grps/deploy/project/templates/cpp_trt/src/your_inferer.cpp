// The inferer: it runs an engine of TensorRT on the tensors of the requests that run together.
#include <grps/tensorrt.hpp>

namespace {

class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the engine. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings)
      : model_(settings, settings.folder() + "/" + settings.Text("/model", "data/model.engine")) {}

  // Runs a batch; one thread calls it. Inputs and outputs have the names that the engine has, and
  // go through the memory of the GPU, which is used again for the next batch.
  void Infer(grps::Batch &batch) override { model_.Run(batch, batch.outputs()); }

  // Runs before the model takes requests: the first run of an engine takes longer.
  void WarmUp() override { model_.WarmUp(); }

 private:
  grps::tensorrt::Model model_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
