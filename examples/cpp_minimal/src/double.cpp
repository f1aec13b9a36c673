// The smallest plugin: it multiplies its input by a number. Requests that wait run together.

#include <grps/plugin.hpp>

namespace {

class Multiply : public grps::Inferer {
 public:
  explicit Multiply(const grps::Settings &settings) : factor_(settings.Number("/factor", 2)) {
    grps::LogInfo("the factor is " + std::to_string(factor_));
  }

  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const grps::Span<float> x = input.As<float>();
    float *y = batch.outputs().Add<float>("y", input.shape());
    for (size_t index = 0; index < x.size(); ++index) {
      y[index] = x[index] * static_cast<float>(factor_);
    }
  }

 private:
  double factor_;
};

}  // namespace

GRPS_PLUGIN("cpp_minimal", "1.0.0", grps::Class<Multiply>("multiply"))
