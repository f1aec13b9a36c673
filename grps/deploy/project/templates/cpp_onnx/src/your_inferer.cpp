// The inferer: it runs a model of ONNX on the tensors of the requests that run together.
#include <grps/onnxruntime.hpp>

namespace {

class YourInferer : public grps::Inferer {
 public:
  // Loads one copy of the model. What is thrown here keeps the service from starting.
  explicit YourInferer(const grps::Settings &settings)
      : session_(settings.folder() + "/" + settings.Text("/model", "data/model.onnx"),
                 static_cast<int>(settings.Integer("/threads", 1))) {}

  // Runs a batch; one thread calls it. Inputs and outputs have the names that the model has, and
  // none of them is copied.
  void Infer(grps::Batch &batch) override { session_.Run(batch, batch.outputs()); }

 private:
  grps::onnxruntime::Session session_;
};

}  // namespace

// inference.yml finds the class by this name (inferer_name).
GRPS_PLUGIN("your_plugin", "1.0.0", grps::Class<YourInferer>("your_inferer"))
