// What an inferer is created by.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_SETTINGS_HPP
#define GRPS_PLUGIN_SETTINGS_HPP

#include <grps/plugin/host.hpp>

namespace grps {

// What an inferer is created by; valid in its constructor only.
class Settings {
 public:
  explicit Settings(const grps_settings *settings) : settings_(settings) {}

  std::string model() const { return settings_->model; }
  std::string folder() const { return settings_->folder; }
  std::string device() const { return settings_->device; }
  size_t instance() const { return settings_->instance; }
  // inferer_args as JSON, which is YAML as well.
  std::string json() const { return settings_->json; }

  // Values of inferer_args by JSON pointers, such as "/labels/0". They throw std::invalid_argument
  // for values of another kind, and return the default where there is none.
  double Number(std::string_view pointer, double missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_NUMBER || value.kind == GRPS_INTEGER, pointer, "a number");
    return value.number;
  }
  int64_t Integer(std::string_view pointer, int64_t missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_INTEGER, pointer, "an integer");
    return value.integer;
  }
  bool Flag(std::string_view pointer, bool missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_BOOLEAN, pointer, "true or false");
    return value.integer != 0;
  }
  std::string Text(std::string_view pointer, std::string_view missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return std::string(missing);
    Expect(value.kind == GRPS_TEXT, pointer, "a text");
    return {value.text, static_cast<size_t>(value.length)};
  }
  // How many entries a list or a map has; 0 for anything else.
  size_t Length(std::string_view pointer) const {
    const grps_value value = Find(pointer);
    return value.kind == GRPS_LIST || value.kind == GRPS_MAP ? value.length : 0;
  }

 private:
  grps_value Find(std::string_view pointer) const {
    grps_value value = {};
    value.struct_size = sizeof(value);
    detail::Check(detail::host->argument(settings_->args, pointer.data(), pointer.size(), &value));
    return value;
  }
  static void Expect(bool is_expected, std::string_view pointer, const char *what) {
    if (is_expected) return;
    throw std::invalid_argument("inferer_args" + std::string(pointer) + " must be " + what);
  }

  const grps_settings *settings_;
};

}  // namespace grps

#endif
