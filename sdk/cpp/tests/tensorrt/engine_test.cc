// Engines on the stand-ins for TensorRT and CUDA.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <grps/tensorrt.hpp>
#include <grps/testing.hpp>

namespace {

using grps::testing::Answer;
using grps::testing::Model;
using grps::testing::TensorData;

class Runs : public grps::Inferer {
 public:
  explicit Runs(const grps::Settings &settings)
      : model_(settings, settings.folder() + "/" + settings.Text("/model", "test.engine")) {}
  void Infer(grps::Batch &batch) override { model_.Run(batch, batch.outputs()); }
  void WarmUp() override { model_.WarmUp(); }

 private:
  grps::tensorrt::Model model_;
};

// Sets a variable of the environment until the end of the block.
class Variable {
 public:
  Variable(const char *name, const std::string &value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable &) = delete;
  Variable &operator=(const Variable &) = delete;

 private:
  const char *name_;
};

void Write(const std::string &content) {
  std::ofstream("test.engine", std::ios::binary) << content;
}

const char *const kDouble =
    "ftrt input x FLOAT -1x2 range 1x2 2x2 4x2 range 4x2 8x2 16x2 "
    "output y FLOAT -1x2";

Model Load(const std::string &plan, const std::string &device = "cuda",
           const std::string &args = "{}") {
  Write(plan);
  return Model("runs", args, ".", device);
}

// Why a model can't be loaded.
std::string Refusal(const std::string &plan, const std::string &device = "cuda",
                    const std::string &args = "{}") {
  try {
    Load(plan, device, args);
    return "it was loaded";
  } catch (const std::exception &error) {
    return error.what();
  }
}

TensorData Floats(std::vector<int64_t> shape, std::vector<float> values) {
  return {"x", std::move(shape), std::move(values)};
}

// With a shape of one dimension, which would be read as a type.
TensorData Integers(const char *name, const std::vector<int64_t> &values) {
  return {name, std::vector<int64_t>{static_cast<int64_t>(values.size())}, values};
}

bool Has(const std::string &text, const std::string &part) {
  if (text.find(part) != std::string::npos) return true;
  std::fprintf(stderr, "not '%s' in: %s\n", part.c_str(), text.c_str());
  return false;
}

GRPS_TEST(Doubles) {
  Model model = Load(kDouble);
  const Answer answer = model.Infer({Floats({1, 2}, {1, 2.5})});
  GRPS_CHECK(answer.status == 200);
  GRPS_CHECK(answer.tensor("y").shape() == std::vector<int64_t>{1, 2});
  GRPS_CHECK(answer.tensor("y").As<float>() == std::vector<float>{2, 5});
}

GRPS_TEST(RowsGrowAndShrinkOverBothProfiles) {
  Model model = Load(kDouble);
  for (const size_t rows : {1u, 3u, 16u, 2u, 9u, 4u, 1u}) {
    const std::vector<float> values(rows * 2, static_cast<float>(rows));
    const Answer answer = model.Infer({Floats({static_cast<int64_t>(rows), 2}, values)});
    GRPS_CHECK(answer.status == 200);
    GRPS_CHECK(answer.tensor("y").As<float>() ==
               std::vector<float>(rows * 2, static_cast<float>(2 * rows)));
  }
}

GRPS_TEST(ShapesThatNoProfileAllowsAreTheClientsFault) {
  Model model = Load(kDouble);
  const Answer many = model.Infer({Floats({17, 2}, std::vector<float>(34))});
  GRPS_CHECK(many.status == 400);
  GRPS_CHECK(many.error == "input x has shape [17, 2]; the engine allows [1..4, 2] or [4..16, 2]");
  GRPS_CHECK(model.Infer({Floats({2}, {1, 2})}).status == 400);
  GRPS_CHECK(model.Infer({Floats({2, 2}, {1, 2, 3, 4})}).status == 200);
}

GRPS_TEST(InputsThatFitNoProfileTogetherAreNamed) {
  Model model = Load(
      "ftrt input a FLOAT -1 range 1 1 2 range 4 4 8 input b FLOAT -1 range 1 1 2 range 4 4 8 "
      "output c FLOAT -1 output d FLOAT -1");
  const Answer answer =
      model.Infer({{"a", {1}, std::vector<float>{1}}, {"b", {4}, std::vector<float>(4)}});
  GRPS_CHECK(answer.error ==
             "the inputs have shapes a [1], b [4], which fit no profile together (profile 0: a "
             "[1..2], b [1..2]; profile 1: a [4..8], b [4..8])");
  const Answer both =
      model.Infer({{"b", {2}, std::vector<float>{3, 4}}, {"a", {1}, std::vector<float>{1}}});
  GRPS_CHECK(both.tensor("c").As<float>() == std::vector<float>{2});
  GRPS_CHECK(both.tensor("d").As<float>() == (std::vector<float>{6, 8}));
  GRPS_CHECK(model.Infer({{"a", {1}, std::vector<float>{1}}}).status == 400);
}

GRPS_TEST(TypesOfTheEngineAreThoseOfTheWire) {
  Model model = Load(
      "ftrt input a BF16 3 input b BOOL 3 input c INT64 3 output d BF16 3 "
      "output e BOOL 3 output f INT64 3");
  const Answer answer = model.Infer({{"a", {3}, std::vector<float>{1.5, -2, 1.00390625f}},
                                     {"b", {3}, std::vector<uint8_t>{0, 7, 1}},
                                     Integers("c", {1, -2, int64_t{1} << 40})});
  GRPS_CHECK(answer.status == 200);
  // A float32 between two of bfloat16 is rounded to the even one.
  GRPS_CHECK(answer.tensor("d").As<float>() == (std::vector<float>{1.5, -2, 1}));
  GRPS_CHECK(answer.tensor("e").As<uint8_t>() == (std::vector<uint8_t>{0, 1, 1}));
  GRPS_CHECK(answer.tensor("f").As<int64_t>() == (std::vector<int64_t>{1, -2, int64_t{1} << 40}));
  Model other = Load(kDouble);
  const Answer wrong = other.Infer({{"x", {1, 2}, std::vector<int64_t>{1, 2}}});
  GRPS_CHECK(wrong.status == 400);
  GRPS_CHECK(wrong.error == "input 'x' is int64, not float32");
}

GRPS_TEST(AnOutputMayHaveFewerRowsThanItsMemory) {
  Model model = Load("ftrt input x FLOAT -1x2 range 1x2 2x2 4x2 output y FLOAT -1x2 rows");
  const Answer answer = model.Infer({Floats({3, 2}, {1, 2, -1, 3, 5, 6})});
  GRPS_CHECK(answer.tensor("y").shape() == (std::vector<int64_t>{2, 2}));
  GRPS_CHECK(answer.tensor("y").As<float>() == (std::vector<float>{2, 4, 10, 12}));
  const Answer none = model.Infer({Floats({1, 2}, {-1, 2})});
  GRPS_CHECK(none.tensor("y").shape() == (std::vector<int64_t>{0, 2}));
}

GRPS_TEST(AnInputMayBeEmptyOrInTheMemoryOfTheHost) {
  Model empty = Load("ftrt input x FLOAT -1 range 0 1 4 output y FLOAT -1");
  GRPS_CHECK(empty.Infer({Floats({0}, {})}).status == 200);
  Model on_host = Load("ftrt input x INT64 2 host output y INT64 2");
  const Answer answer = on_host.Infer({Integers("x", {3, 4})});
  GRPS_CHECK(answer.tensor("y").As<int64_t>() == (std::vector<int64_t>{3, 4}));
}

GRPS_TEST(MetadataBeforeTheEngineIsSkipped) {
  const std::string metadata = R"({"stride": 32})";
  std::string plan = {static_cast<char>(metadata.size()), 0, 0, 0};
  Model model = Load(plan + metadata + kDouble);
  GRPS_CHECK(model.Infer({Floats({1, 2}, {1, 2})}).status == 200);
}

GRPS_TEST(FailuresOfARunHaveTheFirstErrorOfTheLog) {
  Model model = Load(std::string(kDouble) + " fails enqueue");
  GRPS_CHECK(model.Infer({Floats({1, 2}, {1, 2})}).error == "the engine has failed.");
  Model refusing = Load(std::string(kDouble) + " fails setInputShape");
  GRPS_CHECK(refusing.Infer({Floats({1, 2}, {1, 2})}).error == "shape refused.");
  Model unlimited = Load(std::string(kDouble) + " fails output");
  GRPS_CHECK(unlimited.Infer({Floats({1, 2}, {1, 2})}).error ==
             "TensorRT has no limit for the size of output y");
}

GRPS_TEST(AModelGoesOnAfterItWasOutOfMemory) {
  Model model = Load(kDouble);
  for (const std::string function : {"cudaMalloc", "cudaMallocHost"}) {
    const Variable fails("STANDIN_CUDA_FAILS", function + "=2");
    const Answer answer = model.Infer({Floats({1, 2}, {1, 2})});
    GRPS_CHECK(answer.status == 500);
    GRPS_CHECK(Has(answer.error, "out of memory: 8"));
    GRPS_CHECK(Has(answer.error, "(cudaErrorMemoryAllocation in " + function + ")"));
  }
  GRPS_CHECK(model.Infer({Floats({1, 2}, {1, 2})}).status == 200);
}

GRPS_TEST(ABrokenDeviceIsReported) {
  Model model = Load(kDouble);
  const Variable fails("STANDIN_CUDA_FAILS", "cudaStreamSynchronize=700");
  const Answer answer = model.Infer({Floats({1, 2}, {1, 2})});
  GRPS_CHECK(Has(answer.error,
                 "cuda:0: words for an error (cudaErrorStandin in "
                 "cudaStreamSynchronize)"));
  GRPS_CHECK(answer.status == 500);
}

GRPS_TEST(WhatCantBeLoadedIsExplained) {
  GRPS_CHECK(Refusal("oops") ==
             "./test.engine: Version tag does not match; build the engine again with the TensorRT "
             "that runs it (" +
                 grps::tensorrt::Libraries::Get().version() + ")");
  GRPS_CHECK(Has(Refusal(std::string(kDouble) + " fails context"), "out of memory."));
  GRPS_CHECK(Has(Refusal("ftrt input x FP8 2 output y FP8 2"),
                 "input x has TensorRT's type 6, which is not supported; supported: FLOAT, HALF"));
  GRPS_CHECK(Refusal("ftrt input x FLOAT 2 chw4 output y FLOAT 2") ==
             "tensor x has the memory format four channels together; build the engine with LINEAR "
             "formats for its inputs and outputs");
  GRPS_CHECK(Refusal("") == "./test.engine: the file is empty");
  GRPS_CHECK(Refusal("", "cuda", R"({"model": "none"})") == "./none: it can't be read");
  GRPS_CHECK(Has(Refusal(kDouble, "cuda", R"({"customized_op_paths": "a.so, b.so"})"),
                 "library of custom operators: a.so: cannot open shared object file"));
  GRPS_CHECK(Has(Refusal(kDouble, "cuda", R"({"customized_op_paths": ["libm.so.6", "b.so"]})"),
                 "library of custom operators: b.so"));
}

GRPS_TEST(DevicesAreThoseOfTheMachine) {
  const Variable two("STANDIN_CUDA_DEVICES", "2");
  for (const char *device : {"", "cuda", "GPU:1", "cuda:1", "original", "original cuda:1"}) {
    Model model = Load(kDouble, device);
    GRPS_CHECK(model.Infer({Floats({1, 2}, {1, 2})}).status == 200);
  }
  GRPS_CHECK(Refusal(kDouble, "cuda:2") == "device cuda:2: this machine has 2 CUDA devices");
  GRPS_CHECK(Refusal(kDouble, "cpu") ==
             "device cpu: TensorRT runs on NVIDIA GPUs only; use device: cuda");
  GRPS_CHECK(Has(Refusal(kDouble, "cuda:x"), "'cuda:x' is not a device; allowed: cuda, cuda:N"));
  const Variable none("STANDIN_CUDA_DEVICES", "0");
  GRPS_CHECK(Has(Refusal(kDouble), "TensorRT needs an NVIDIA GPU: no CUDA-capable device"));
  GRPS_CHECK(grps::tensorrt::WhyUnavailable().has_value());
}

GRPS_TEST(CausesAreOneLine) {
  using grps::tensorrt::detail::CauseOf;
  GRPS_CHECK(
      CauseOf("[runtime.cpp::load::81] Error Code 6: API Usage Error (The engine is\n old. In "
              "load at /src/runtime.cpp:81)") == "The engine is old.");
  GRPS_CHECK(CauseOf("6: The engine plan file is not compatible") ==
             "The engine plan file is not compatible");
  GRPS_CHECK(CauseOf("plain (words)") == "plain (words)");
  GRPS_CHECK(CauseOf("").empty());
}

// Why the first run fails; nothing if it does not.
std::string WarmUpFailure(const std::string &plan) {
  Load(plan);  // also tells the plugin its host
  const grps_args none = {grps::testing::detail::JsonReader("{}").ReadAll()};
  grps_settings settings = {};
  settings.struct_size = sizeof(settings);
  settings.folder = ".";
  settings.device = "cuda";
  settings.args = &none;
  Runs runs{grps::Settings(&settings)};
  try {
    runs.WarmUp();
    return "";
  } catch (const std::exception &error) {
    return error.what();
  }
}

GRPS_TEST(WarmUpRunsTheEngine) {
  GRPS_CHECK(WarmUpFailure(kDouble).empty());
  GRPS_CHECK(WarmUpFailure(std::string(kDouble) + " fails enqueue") == "the engine has failed.");
  // An input whose values are shapes has no example.
  GRPS_CHECK(WarmUpFailure("ftrt input x INT64 2 host output y INT64 2 fails enqueue").empty());
}

}  // namespace

GRPS_PLUGIN("test", "1.0.0", grps::Class<Runs>("runs"))
GRPS_TEST_MAIN()
