// The inferer: it runs a SavedModel on the tensors of the requests that run together.
#include <grps/tensorflow.hpp>

namespace {

class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the model. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings)
      : model_(settings.folder() + "/" + settings.Text("/model", "data/model"),
               static_cast<int>(settings.Integer("/threads", 1))) {}

  // Runs a batch; one thread calls it. Inputs and outputs have the names of the signature
  // serving_default.
  void Infer(grps::Batch &batch) override { model_.Run(batch, batch.outputs()); }

 private:
  grps::tensorflow::SavedModel model_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
