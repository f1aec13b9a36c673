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
#include <grps/testing/host.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" const grps_plugin *grps_plugin_open(const grps_host *host, grps_error *error) noexcept;

namespace grps::testing {

// One copy of a model. The program runs in the folder of the project, or `folder` says where it is.
class Model {
 public:
  // Creates the inferer of this name; throws std::runtime_error with what keeps it from that.
  explicit Model(std::string_view inferer, std::string args = "{}", std::string folder = ".",
                 std::string device = "cpu")
      : class_(Find(inferer)) {
    if (class_->infer == nullptr) {
      throw std::runtime_error("'" + std::string(inferer) +
                               "' is a step model, which tests run in a service");
    }
    const grps_args values = {detail::JsonReader(args).ReadAll()};
    grps_settings settings = {};
    settings.struct_size = sizeof(settings);
    settings.model = "test-1.0.0";
    settings.folder = folder.c_str();
    settings.library = "";
    settings.device = device.c_str();
    settings.json = args.c_str();
    settings.args = &values;
    grps_error error;
    inferer_ = class_->create(&settings, &error);
    if (inferer_ == nullptr) throw std::runtime_error(error.text);
  }
  ~Model() { class_->destroy(inferer_); }
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

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
  static const grps_inferer_class *Find(std::string_view name) {
    grps_error error;
    const grps_plugin *plugin = grps_plugin_open(detail::Host(), &error);
    if (plugin == nullptr) throw std::runtime_error("grps_plugin_open: " + error.text);
    std::string known;
    for (uint32_t index = 0; index < plugin->inferer_count; ++index) {
      if (plugin->inferers[index]->name == name) return plugin->inferers[index];
      known += (known.empty() ? "" : ", ") + std::string(plugin->inferers[index]->name);
    }
    throw std::runtime_error("the plugin has no inferer '" + std::string(name) +
                             "'; it has: " + known);
  }

  std::vector<Answer> Run(const std::vector<RequestData> &requests) {
    grps_batch batch(requests, (class_->flags & GRPS_TAKES_MESSAGES) != 0);
    grps_error error;
    if (class_->infer(inferer_, &batch, &error) != GRPS_OK && !error.is_set()) {
      error.Set(GRPS_FAILED, "it failed without a message");
    }
    return batch.Answers(error);
  }

  const grps_inferer_class *class_;
  void *inferer_ = nullptr;
};

}  // namespace grps::testing

#endif
