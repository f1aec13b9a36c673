// Runs the inferer in this program, without a service. grpst archive runs it.
#include <grps/testing.hpp>

namespace {

using grps::testing::Model;
using grps::testing::RequestData;

GRPS_TEST(Doubles) {
  Model model("your_inferer");
  const auto answer = model.Infer({{"x", {1, 2}, std::vector<float>{1, 2.5}}});
  GRPS_CHECK(answer.error.empty());
  GRPS_CHECK(answer.tensor("y").shape() == std::vector<int64_t>{1, 2});
  GRPS_CHECK(answer.tensor("y").As<float>() == std::vector<float>{2, 5});
}

GRPS_TEST(RequestsShareABatch) {
  Model model("your_inferer");
  std::vector<RequestData> requests(2);
  requests[0].inputs = {{"x", {1, 1}, std::vector<float>{1}}};
  requests[1].inputs = {{"x", {2, 1}, std::vector<float>{2, 3}}};
  const auto answers = model.InferBatch(requests);
  GRPS_CHECK(answers[0].tensor("y").As<float>() == std::vector<float>{2});
  GRPS_CHECK(answers[1].tensor("y").As<float>() == std::vector<float>{4, 6});
}

GRPS_TEST(ModelsThatCannotBeLoadedSayWhy) {
  try {
    Model model("your_inferer", R"({"model": "data/missing"})");
    GRPS_CHECK(!"an exception");
  } catch (const std::runtime_error &error) {
    GRPS_CHECK(std::string(error.what()).find("data/missing") != std::string::npos);
  }
}

}  // namespace

GRPS_TEST_MAIN()
