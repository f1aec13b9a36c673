// Unit tests of a plugin without a service: the program is linked with the sources of the plugin,
// creates its inferers and runs requests. Header only.
//
//   #include <grps/testing.hpp>
//
//   GRPS_TEST(Doubles) {
//     grps::testing::Model model("double", R"({"factor": 2})");
//     const auto answer = model.Infer({{"x", {1, 2}, std::vector<float>{1, 2.5}}});
//     GRPS_CHECK(answer.tensor("y").As<float>() == std::vector<float>{2, 5});
//   }
//   GRPS_TEST_MAIN()
#ifndef GRPS_TESTING_HPP
#define GRPS_TESTING_HPP

#include <grps/testing/checks.hpp>
#include <grps/testing/copy.hpp>
#include <grps/testing/steps.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::testing {

// One copy of a model. The program runs in the folder of the project, or `folder` says where it is.
class Model {
 public:
  // Creates the inferer of this name; throws std::runtime_error with what keeps it from that.
  explicit Model(std::string_view inferer, std::string args = "{}", std::string folder = ".",
                 std::string device = "cpu")
      : copy_(inferer, false, std::move(args), std::move(folder), std::move(device)) {}

  // Runs a request of these inputs.
  Answer Infer(std::vector<TensorData> inputs) {
    RequestData request;
    request.inputs = std::move(inputs);
    return Infer(std::move(request));
  }
  Answer Infer(RequestData request) { return Run({std::move(request)}).front(); }

  // Runs requests together. As in a service, they run again one by one if the batch fails.
  std::vector<Answer> InferBatch(const std::vector<RequestData> &requests) {
    std::vector<Answer> answers = Run(requests);
    if (requests.size() == 1) return answers;
    for (const Answer &answer : answers) {
      if (answer.status == 200) return answers;
    }
    for (size_t index = 0; index < requests.size(); ++index) {
      answers[index] = Run({requests[index]}).front();
    }
    return answers;
  }

 private:
  std::vector<Answer> Run(const std::vector<RequestData> &requests) {
    const grps_inferer_class *plugin_class = copy_.plugin_class();
    grps_batch batch(requests, (plugin_class->flags & GRPS_TAKES_MESSAGES) != 0);
    grps_error error;
    if (plugin_class->infer(copy_.inferer(), &batch, &error) != GRPS_OK && !error.is_set()) {
      error.Set(GRPS_FAILED, "it failed without a message");
    }
    return batch.Answers(error);
  }

  detail::ModelCopy copy_;
};

}  // namespace grps::testing

#endif
