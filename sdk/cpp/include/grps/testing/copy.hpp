// The copy of a model that a test runs.
#ifndef GRPS_TESTING_COPY_HPP
#define GRPS_TESTING_COPY_HPP

#include <grps/testing/host.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

extern "C" const grps_plugin *grps_plugin_open(const grps_host *host, grps_error *error) noexcept;

namespace grps::testing::detail {

// An inferer of the plugin that the program is linked with.
class ModelCopy {
 public:
  // Throws std::runtime_error with what keeps it from being created, and for a class that makes
  // steps where that is not wanted, or the other way round.
  ModelCopy(std::string_view inferer, bool makes_steps, std::string args, std::string folder,
            std::string device)
      : class_(Find(inferer)),
        args_(std::move(args)),
        folder_(std::move(folder)),
        device_(std::move(device)),
        values_{JsonReader(args_).ReadAll()} {
    if ((class_->steps != nullptr) != makes_steps) {
      const std::string wanted = makes_steps ? "no step model; use grps::testing::Model"
                                             : "a step model; use grps::testing::StepModel";
      throw std::runtime_error("'" + std::string(inferer) + "' is " + wanted);
    }
    const grps_settings settings = Settings();
    grps_error error;
    inferer_ = class_->create(&settings, &error);
    if (inferer_ == nullptr) throw std::runtime_error(error.text);
  }
  ~ModelCopy() { class_->destroy(inferer_); }
  ModelCopy(const ModelCopy &) = delete;
  ModelCopy &operator=(const ModelCopy &) = delete;

  const grps_inferer_class *plugin_class() const { return class_; }
  void *inferer() const { return inferer_; }

  // The slots that a step model declares; throws std::runtime_error if it can't.
  grps_slots Slots() const {
    grps_slots slots;
    if (class_->steps->declare == nullptr) return slots;
    const grps_settings settings = Settings();
    grps_error error;
    const int32_t status = class_->steps->declare(&settings, &slots, &error);
    if (slots.error.is_set()) throw std::runtime_error(slots.error.text);
    if (status != GRPS_OK) throw std::runtime_error("declare: " + error.text);
    return slots;
  }

 private:
  static const grps_inferer_class *Find(std::string_view name) {
    grps_error error;
    const grps_plugin *plugin = grps_plugin_open(Host(), &error);
    if (plugin == nullptr) throw std::runtime_error("grps_plugin_open: " + error.text);
    std::string known;
    for (uint32_t index = 0; index < plugin->inferer_count; ++index) {
      if (plugin->inferers[index]->name == name) return plugin->inferers[index];
      known += (known.empty() ? "" : ", ") + std::string(plugin->inferers[index]->name);
    }
    throw std::runtime_error("the plugin has no inferer '" + std::string(name) +
                             "'; it has: " + known);
  }

  grps_settings Settings() const {
    grps_settings settings = {};
    settings.struct_size = sizeof(settings);
    settings.model = "test-1.0.0";
    settings.folder = folder_.c_str();
    settings.library = "";
    settings.device = device_.c_str();
    settings.json = args_.c_str();
    settings.args = &values_;
    return settings;
  }

  const grps_inferer_class *class_;
  std::string args_, folder_, device_;
  grps_args values_;
  void *inferer_ = nullptr;
};

}  // namespace grps::testing::detail

#endif
