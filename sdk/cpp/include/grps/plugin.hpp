// Inferers in C++17 for a GRPS service: types, exceptions and RAII over plugin.h. Header only.
//
//   class Double : public grps::Inferer {
//    public:
//     void Infer(grps::Batch &batch) override { ... }
//   };
//   GRPS_PLUGIN("my-plugin", "1.0.0", grps::Class<Double>("double"))
//
// What an inferer throws fails the batch: grps::InputError as the client's fault, grps::BrokenError
// so that the inferer is created again, anything else as a failed run. A batch of several requests
// that fails is run again one by one, so that a bad request fails alone.
#ifndef GRPS_PLUGIN_HPP
#define GRPS_PLUGIN_HPP

#include <grps/monitor.h>
#include <grps/plugin.h>

#include <grps/plugin/request.hpp>
#include <grps/plugin/settings.hpp>
#include <grps/plugin/steps.hpp>
#include <memory>
#include <type_traits>
#include <vector>

namespace grps {

// One loaded copy of a model. One thread creates, runs and destroys it.
class Inferer {
 public:
  virtual ~Inferer() = default;
  virtual void Infer(Batch &batch) = 0;
  // Runs once before the model is ready, unless it has `warm_up: false`.
  virtual void WarmUp() {}
};

namespace detail {

template <typename T>
void *Create(const grps_settings *settings, grps_error *error) noexcept {
  std::unique_ptr<Inferer> made;
  Guard(error, [&] {
    if constexpr (std::is_constructible_v<T, const Settings &>) {
      made = std::make_unique<T>(Settings(settings));
    } else {
      made = std::make_unique<T>();
    }
  });
  return made.release();
}

inline int32_t Infer(void *inferer, const grps_batch *requests, grps_error *error) noexcept {
  const bool is_done = Guard(error, [&] {
    Batch batch(requests);
    static_cast<Inferer *>(inferer)->Infer(batch);
  });
  return is_done ? GRPS_OK : GRPS_ERROR;
}

inline int32_t WarmUp(void *inferer, grps_error *error) noexcept {
  return Guard(error, [&] { static_cast<Inferer *>(inferer)->WarmUp(); }) ? GRPS_OK : GRPS_ERROR;
}

template <typename T, typename = void>
struct HasDescribe : std::false_type {};
template <typename T>
struct HasDescribe<T, std::void_t<decltype(T::Describe(std::declval<const Settings &>()))>>
    : std::true_type {};

template <typename T>
int32_t DescribeClass(const grps_settings *settings, grps_signature *signature,
                      grps_error *error) noexcept {
  const bool is_done = Guard(error, [&] {
    const Signature described = T::Describe(Settings(settings));
    for (const TensorSpec &spec : described.inputs) {
      const grps_tensor like = Describe(spec.name, spec.shape, spec.dtype);
      Check(host->add_input(signature, &like));
    }
    for (const TensorSpec &spec : described.outputs) {
      const grps_tensor like = Describe(spec.name, spec.shape, spec.dtype);
      Check(host->add_output(signature, &like));
    }
  });
  return is_done ? GRPS_OK : GRPS_ERROR;
}

inline void Destroy(void *inferer) noexcept { delete static_cast<Inferer *>(inferer); }

// What a plugin returns to the host.
struct Opened {
  Opened(const char *name, const char *version, std::vector<grps_inferer_class> given)
      : classes(std::move(given)) {
    for (const auto &one : classes) list.push_back(&one);
    const auto count = static_cast<uint32_t>(list.size());
    table = {sizeof(grps_plugin), GRPS_PLUGIN_MAJOR, GRPS_PLUGIN_MINOR, count, name, version,
             list.data()};
  }

  std::vector<grps_inferer_class> classes;
  std::vector<const grps_inferer_class *> list;
  grps_plugin table = {};
};

template <typename F>
const grps_plugin *Open(const grps_host *with, grps_error *error, const char *name,
                        const char *version, F &&classes) noexcept {
  static const grps_plugin wrong_version = {
      sizeof(grps_plugin), GRPS_PLUGIN_MAJOR, GRPS_PLUGIN_MINOR, 0, "", "", nullptr};
  // The host sees the version and reports it.
  if (with->major != GRPS_PLUGIN_MAJOR || with->minor < GRPS_PLUGIN_MINOR) return &wrong_version;
  // Once: inferers of the library may run while it is opened for another model.
  if (host != with) host = with;
  const grps_plugin *table = nullptr;
  Guard(error, [&] {
    // All models of the library share it, and it is never freed.
    static const auto *opened = new Opened(name, version, classes());
    table = &opened->table;
  });
  return table;
}

}  // namespace detail

// A class of inferers, under the name that `inferer_name` of inference.yml has. It is created by
// `T(const Settings &)`, or by `T()` if there is no such constructor. With GRPS_TAKES_MESSAGES, it
// gets the messages of single requests instead of tensors. A static member
// `Signature Describe(const Settings &)` says what its inputs and outputs are. A class that derives
// from StepModel makes steps.
template <typename T>
grps_inferer_class Class(const char *name, uint32_t flags = 0) {
  constexpr bool makes_steps = std::is_base_of_v<StepModel, T>;
  static_assert(std::is_base_of_v<Inferer, T> != makes_steps,
                "an inferer derives from grps::Inferer or from grps::StepModel");
  grps_inferer_class made = {};
  made.struct_size = sizeof(made);
  made.flags = flags;
  made.name = name;
  if constexpr (makes_steps) {
    made.create = &detail::CreateSteps<T>;
    made.destroy = &detail::DestroySteps;
    made.warm_up = &detail::WarmUpSteps;
    made.steps = detail::StepsOf<T>();
  } else {
    made.create = &detail::Create<T>;
    made.infer = &detail::Infer;
    made.destroy = &detail::Destroy;
    made.warm_up = &detail::WarmUp;
  }
  if constexpr (detail::HasDescribe<T>::value) made.describe = &detail::DescribeClass<T>;
  return made;
}

}  // namespace grps

// Makes a library a plugin: its name, its version, and its classes. Once in a library.
#define GRPS_PLUGIN(name, version, ...)                                                     \
  extern "C" __attribute__((visibility("default"))) const grps_plugin *grps_plugin_open(    \
      const grps_host *host, grps_error *error) noexcept {                                  \
    return grps::detail::Open(host, error, name, version,                                   \
                              [] { return std::vector<grps_inferer_class>{__VA_ARGS__}; }); \
  }

#endif
