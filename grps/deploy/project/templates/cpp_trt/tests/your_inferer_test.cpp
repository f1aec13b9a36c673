// Runs the inferer in this program, without a service. grpst archive runs it.
#include <cstdio>
#include <fstream>
#include <grps/tensorrt.hpp>
#include <grps/testing.hpp>

namespace {

using grps::testing::Model;
using grps::testing::RequestData;

constexpr const char *kEngine = "data/model.engine";

// Whether the engine can run here: it needs TensorRT, a GPU, and data/build_engine.py before.
bool HasEngine() {
  const auto reason = grps::tensorrt::WhyUnavailable();
  if (!reason && std::ifstream(kEngine).good()) return true;
  std::printf("skipped: %s\n", reason ? reason->c_str() : "there is no data/model.engine");
  return false;
}

Model Load() { return Model("your_inferer", "{}", ".", "cuda"); }

GRPS_TEST(Doubles) {
  if (!HasEngine()) return;
  Model model = Load();
  const auto answer = model.Infer({{"x", {1, 2}, std::vector<float>{1, 2.5}}});
  GRPS_CHECK(answer.error.empty());
  GRPS_CHECK(answer.tensor("y").shape() == std::vector<int64_t>{1, 2});
  GRPS_CHECK(answer.tensor("y").As<float>() == std::vector<float>{2, 5});
}

GRPS_TEST(RequestsShareABatch) {
  if (!HasEngine()) return;
  Model model = Load();
  std::vector<RequestData> requests(2);
  requests[0].inputs = {{"x", {1, 2}, std::vector<float>{1, 2}}};
  requests[1].inputs = {{"x", {2, 2}, std::vector<float>{2, 3, 4, 5}}};
  const auto answers = model.InferBatch(requests);
  GRPS_CHECK(answers[0].tensor("y").As<float>() == std::vector<float>{2, 4});
  GRPS_CHECK(answers[1].tensor("y").As<float>() == std::vector<float>{4, 6, 8, 10});
}

GRPS_TEST(ShapesThatTheEngineDoesNotTakeAreRefused) {
  if (!HasEngine()) return;
  Model model = Load();
  GRPS_CHECK(model.Infer({{"x", {1, 3}, std::vector<float>{1, 2, 3}}}).status == 400);
}

GRPS_TEST(ModelsThatCannotBeLoadedSayWhy) {
  try {
    Model model("your_inferer", R"({"model": "data/missing"})", ".", "cuda");
    GRPS_CHECK(!"an exception");
  } catch (const std::runtime_error &error) {
    GRPS_CHECK(std::string(error.what()).find("data/missing") != std::string::npos);
  }
}

}  // namespace

GRPS_TEST_MAIN()
