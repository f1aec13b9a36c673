// The step models of the tests. They note what they are called with, as those of
// tests/step_models.py do.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <grps/plugin.hpp>
#include <memory>
#include <thread>

namespace {

// Files beside the project that lines are added to.
class Notes {
 public:
  explicit Notes(const grps::Settings &settings)
      : prefix_(settings.folder() + "/" + settings.Text("/notes", "notes") + "-") {}

  void Add(const std::string &name, const std::string &line) const {
    std::ofstream(prefix_ + name, std::ios::app) << line + "\n";
  }
  // Lets no step end while there is a file.
  void Wait() const {
    while (std::ifstream(prefix_ + "hold")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

 private:
  std::string prefix_;
};

// The name of a sequence, whose end is noted.
class Name {
 public:
  Name(int64_t number, std::shared_ptr<Notes> notes) : number_(number), notes_(std::move(notes)) {}
  Name(Name &&other) = default;
  ~Name() {
    if (notes_) notes_->Add("ended", std::to_string(number_));
  }
  int64_t number() const { return number_; }

 private:
  int64_t number_;
  std::shared_ptr<Notes> notes_;
};

// Makes numbers, each from the one before. The first element of `x` is the first number, which also
// names the sequence; the second is the number of steps. Some names make it do something wrong.
class Series : public grps::StepModel {
 public:
  explicit Series(const grps::Settings &settings)
      : notes_(std::make_shared<Notes>(settings)), pad_(settings.Integer("/pad", 0)) {
    if (settings.Flag("/fails", false)) throw std::runtime_error("the file is missing");
  }

  static std::vector<grps::Slot> Slots(const grps::Settings &settings) {
    const std::string fault = settings.Text("/fault", "");
    if (fault == "throws") throw std::runtime_error("the sizes are unknown");
    if (fault == "twice") return {{"value", GRPS_INT64}, {"value", GRPS_INT64}};
    if (fault == "type") return {{"value", 14}};
    if (fault == "strings") return {{"value", GRPS_STRING}};
    if (fault == "negative") return {{"value", GRPS_INT64, {2, -1}}};
    if (fault == "large") return {{"value", GRPS_INT64, {INT64_MAX, 2}}};
    if (fault == "memory") return {{"value", GRPS_INT64, {INT64_MAX / 64}}};
    return {{"value", GRPS_INT64}, {"left", GRPS_INT64}};
  }

  void BeginAll(grps::BeginBatch &batch) override {
    std::string called;
    bool is_negative = false, is_unlucky = false, is_broken = false;
    for (size_t index = 0; index < batch.size(); ++index) {
      const int64_t first = batch.input(index, "x").As<int64_t>()[0];
      called += (index == 0 ? "" : " ") + std::to_string(first);
      is_negative = is_negative || first < 0;
      is_unlucky = is_unlucky || first == 13;
      is_broken = is_broken || first == 117;
    }
    notes_->Add("called", called);
    if (is_negative) throw grps::InputError("x is negative");
    if (is_unlucky) throw std::runtime_error("unlucky");
    StepModel::BeginAll(batch);
    // The states are its own again.
    if (is_broken) throw std::runtime_error("it has begun all the same");
  }

  void Begin(grps::Sequence &sequence) override {
    const auto x = sequence.input("x").As<int64_t>();
    if (x.size() < 2) throw grps::InputError("x has two elements or more");
    notes_->Add("begun", std::to_string(x[0]));
    sequence.SetState(Name(x[0], notes_));
    if (x[0] == 106) throw std::runtime_error("it can't begin");
    if (x[0] == 118) sequence.row<float>("value");
    if (x[0] == 119) sequence.row<int64_t>("other");
    if (x[0] == 120) sequence.input(size_t{7});
    if (x[0] == 121) sequence.request().outputs().Add<int64_t>("y", {1});
    const auto made = sequence.earlier("y");
    const size_t count = made ? made->count() : 0;
    notes_->Add("again", std::to_string(x[0]) + " " + std::to_string(count));
    *sequence.row<int64_t>("value") = count == 0 ? First(x[0]) : made->As<int64_t>()[count - 1];
    *sequence.row<int64_t>("left") = x[1] - static_cast<int64_t>(count);
  }

  void Step(grps::StepBatch &batch) override {
    std::string names;
    for (size_t index = 0; index < batch.size(); ++index) {
      const int64_t name = batch.state<Name>(index).number();
      names += (index == 0 ? "" : " ") + std::to_string(name);
    }
    notes_->Add("rows", names);
    notes_->Wait();
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    WaitUntilCancelled(batch);
    const auto value = batch.slot<int64_t>("value");
    const auto left = batch.slot<int64_t>("left");
    for (size_t index = 0; index < batch.size(); ++index) {
      value[index] = (value[index] * 31 + 7) % 1000003;
      if (--left[index] <= 0) batch.Finish(index);
    }
    if (Misbehaves(batch, left)) return;
    int64_t *y = batch.outputs().Add<int64_t>("y", {batch.rows()});
    std::copy_n(value.data(), batch.size(), y);
    if (pad_ > 0) batch.outputs().Add<float>("pad", {batch.rows(), pad_});
  }

 protected:
  virtual int64_t First(int64_t name) const { return name; }

  std::shared_ptr<Notes> notes_;

 private:
  // A step with the sequence 124 lasts until its client has left.
  void WaitUntilCancelled(grps::StepBatch &batch) {
    for (size_t index = 0; index < batch.size(); ++index) {
      if (batch.state<Name>(index).number() != 124) continue;
      while (!batch.request(index).is_cancelled()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      notes_->Add("cancelled", "124");
    }
  }

  // Does what the names of the sequences say; returns whether the outputs are made.
  static bool Misbehaves(grps::StepBatch &batch, const grps::Rows<int64_t> &left) {
    for (size_t index = 0; index < batch.size(); ++index) {
      switch (batch.state<Name>(index).number()) {
        case 101:
          batch.outputs().Add<int64_t>("y", {batch.rows() + 1});
          return true;
        case 102:
          batch.Finish(batch.size());
          break;
        case 103:
          throw std::runtime_error("step is broken");
        case 104:
          batch.Fail(index, "row is broken");
          break;
        case 105:
          batch.Fail(index, "row is refused", 409);
          break;
        case 107:
          batch.state<int>(index) = 0;
          break;
        case 108:
          batch.outputs().Add("y", 14, {batch.rows()});
          return true;
        case 109:
          batch.outputs().AddStrings("y", {1}, {"a"});
          return true;
        case 110:
          throw grps::BrokenError("the device is lost");
        case 111:
          batch.request(index).outputs().Add<int64_t>("y", {1});
          return true;
        case 112:
          batch.outputs().Add<double>("y", {batch.rows(), 1 + left[0]});
          return true;
        case 113:
          batch.outputs().Add<float>(left[0] % 2 == 0 ? "y" : "z", {1});
          return true;
        case 114:
          throw 3;
        case 115:
          batch.SetStateBytes(index, 1 << 20);
          break;
        case 116:
          batch.outputs().Add<int64_t>("y", {-1});
          return true;
        default:
          break;
      }
    }
    return false;
  }

  int64_t pad_;
};

// Takes its rows' first value from the positions that are prefilled.
class Positions : public Series {
 public:
  using Series::Series;

  void Prefill(grps::PrefillBatch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      const int64_t name = batch.state<Name>(index).number();
      const size_t start = batch.start(index), stop = batch.stop(index);
      notes_->Add("parts",
                  std::to_string(name) + " " + std::to_string(start) + " " + std::to_string(stop));
      if (name == 122) throw std::runtime_error("prefill is broken");
      if (name == 123) batch.Fail(index, "the part is refused", 422);
      notes_->Wait();
      *batch.row<int64_t>("value", index) += static_cast<int64_t>(stop - start);
    }
  }

 protected:
  int64_t First(int64_t) const override { return 0; }
};

// Has neither slots nor a function that begins.
class Unfinished : public grps::StepModel {
 public:
  void Step(grps::StepBatch &) override {}
};

// Takes requests as a whole.
class Echo : public grps::Inferer {
 public:
  void Infer(grps::Batch &batch) override { (void)batch; }
};

}  // namespace

GRPS_PLUGIN("steps", "1.0.0", grps::Class<Series>("series"), grps::Class<Positions>("positions"),
            grps::Class<Unfinished>("unfinished"), grps::Class<Echo>("echo"))
