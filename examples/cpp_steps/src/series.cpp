// A step model: it continues series of numbers. Each step makes the next number of all series that
// run, and a series that ends leaves its slot to the next request.

#include <grps/plugin.hpp>

namespace {

class Series : public grps::StepModel {
 public:
  static std::vector<grps::Slot> Slots(const grps::Settings &) {
    return {{"value", GRPS_FLOAT32}, {"left", GRPS_INT64}};
  }

  void Begin(grps::Sequence &sequence) override {
    const auto start = sequence.input("start").As<float>();
    const auto count = sequence.input("count").As<int64_t>();
    if (start.size() == 0 || count.size() == 0 || count[0] < 1) {
      throw grps::InputError("give a start, and a count of 1 or more");
    }
    *sequence.row<float>("value") = start[0];
    *sequence.row<int64_t>("left") = count[0];
  }

  void Step(grps::StepBatch &batch) override {
    const auto value = batch.slot<float>("value");
    const auto left = batch.slot<int64_t>("left");
    float *next = batch.outputs().Add<float>("value", {batch.rows()});
    for (size_t row = 0; row < batch.size(); ++row) {
      next[row] = value[row] = value[row] * 0.5F + 1;
      if (--left[row] == 0) batch.Finish(row);
    }
  }
};

}  // namespace

GRPS_PLUGIN("cpp_steps", "1.0.0", grps::Class<Series>("series"))
