// The shim of TensorRT: engine files on one device. What it runs is that of grps/tensorrt.hpp.
#include <exception>
#include <grps/tensorrt/engine.hpp>
#include <grps/tensorrt/execution.hpp>
#include <memory>
#include <string>
#include <vector>

#include "../shim.hpp"

namespace grps::engine {
namespace {

// A loaded engine with its stream.
class TensorrtModel {
 public:
  TensorrtModel(const std::string &path, const std::string &device,
                const std::vector<std::string> &plugins)
      : engine_(path, device, plugins), execution_(engine_) {
    for (const auto &tensor : engine_.inputs()) signature_.inputs.push_back(SpecOf(tensor));
    for (const auto &tensor : engine_.outputs()) signature_.outputs.push_back(SpecOf(tensor));
    signature_.has_strict_names = true;
    signature_.Seal();
  }

  const Signature &signature() const { return signature_; }

  void Run(const grps_tensor *inputs, uint64_t count, grps_outputs *outputs) {
    Outputs added(outputs);
    execution_.Run({inputs, inputs + count},
                   [&](const tensorrt::EngineTensor &tensor, const tensorrt::Shape &shape) {
                     return added.Add(tensor.name, tensor.dtype, shape);
                   });
  }

 private:
  static Spec SpecOf(const tensorrt::EngineTensor &tensor) {
    return {tensor.name, tensor.dtype, /*has_shape*/ true, tensor.shape, /*is_optional*/ false};
  }

  tensorrt::Engine engine_;
  tensorrt::Execution execution_;
  Signature signature_;
};

// Whose fault an exception is: what the engine takes is known before it runs.
Failure Judge() {
  try {
    throw;
  } catch (const InputError &error) {
    return InputFailure(error.what());
  } catch (const BrokenError &error) {
    return {GRPS_BROKEN, error.what()};
  } catch (const std::exception &error) {
    return ModelFailure(error.what());
  } catch (...) {
    return ModelFailure("an unknown exception");
  }
}

void *Open(const grps_engine_settings *settings, grps_error *error) noexcept {
  std::unique_ptr<TensorrtModel> model;
  const auto open = [&] {
    const std::vector<std::string> plugins = TextsOf(settings->args, "/libraries");
    model = std::make_unique<TensorrtModel>(settings->path, settings->device, plugins);
  };
  // The host names the file as well.
  const auto judge = [&] {
    const Failure failure = Judge();
    const std::string text = failure.what(), named = std::string(settings->path) + ": ";
    return Failure(failure.kind(), text.rfind(named, 0) == 0 ? text.substr(named.size()) : text);
  };
  Guarded(error, open, judge);
  return model.release();
}

int32_t Describe(const void *model, grps_engine_signature *view, grps_error *) noexcept {
  static_cast<const TensorrtModel *>(model)->signature().Fill(view);
  return GRPS_OK;
}

int32_t Run(void *model, const grps_tensor *inputs, uint64_t count, grps_outputs *outputs,
            grps_error *error) noexcept {
  const auto run = [&] { static_cast<TensorrtModel *>(model)->Run(inputs, count, outputs); };
  return Guarded(error, run, Judge) ? GRPS_OK : GRPS_ERROR;
}

void Close(void *model) noexcept { delete static_cast<TensorrtModel *>(model); }

}  // namespace
}  // namespace grps::engine

extern "C" __attribute__((visibility("default"))) const grps_engine *grps_engine_open(
    const grps_host *host, grps_error *error) noexcept {
  using grps::engine::Close, grps::engine::Describe, grps::engine::Open, grps::engine::Run;
  grps::engine::host = host;
  grps::detail::host = host;  // for what plugins use too: the log, and outputs
  static const grps_engine *opened = nullptr;
  grps::engine::Guarded(
      error,
      [] {
        static const std::string title = "TensorRT " + grps::tensorrt::Libraries::Get().version();
        static const grps_engine table = {sizeof(grps_engine),
                                          GRPS_ENGINE_VERSION,
                                          "tensorrt",
                                          title.c_str(),
                                          Open,
                                          Describe,
                                          Run,
                                          Close};
        opened = &table;
      },
      grps::engine::Judge);
  return opened;
}
