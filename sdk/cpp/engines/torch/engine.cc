// The shim of PyTorch: TorchScript files and packages of AOTInductor on the CPU.
//
// It is one file, as the headers of libtorch take long to compile. A package's own checks of its
// inputs are switched on, unless the environment already has AOTI_RUNTIME_CHECK_INPUTS.
#include <ATen/Parallel.h>
#include <caffe2/serialize/inline_container.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "model.hpp"
#include "script.hpp"
#if __has_include(<torch/csrc/inductor/aoti_package/model_package_loader.h>)
#include "package.hpp"
#define GRPS_HAS_PACKAGES
#endif

namespace grps::engine {
namespace {

// Whose fault an exception of libtorch is.
Failure Judge() {
  try {
    throw;
  } catch (const c10::IndexError &error) {
    return InputFailure(error.what_without_backtrace());
  } catch (const c10::Error &error) {
    return {GRPS_UNJUDGED, error.what_without_backtrace()};
  } catch (const std::exception &error) {
    return {GRPS_UNJUDGED, error.what()};
  } catch (...) {
    return ModelFailure("an unknown exception");
  }
}

void SetInterOpThreads(int64_t wanted) {
  const int known = at::get_num_interop_threads();
  if (wanted == 0 || wanted == known) return;
  try {
    at::set_num_interop_threads(static_cast<int>(wanted));
  } catch (const c10::Error &) {
    throw ModelFailure("inferer_args: inter_op_threads is " + std::to_string(known) +
                       " already and PyTorch can't change it once it has run; give all models the "
                       "same value");
  }
}

// Threads of operators belong to the thread that runs them.
void SetThreads(int wanted) {
  thread_local int known = 0;
  if (known == wanted) return;
  at::set_num_threads(wanted);
  known = wanted;
}

void LoadLibraries(const grps_args *args) {
  for (const std::string &library : TextsOf(args, "/libraries")) {
    if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      throw ModelFailure(std::string("library of custom operators: ") + dlerror());
    }
  }
}

std::unique_ptr<TorchModel> Load(const Options &options) {
  bool is_program = false;
  caffe2::serialize::PyTorchStreamReader reader(options.path);
  for (const std::string &record : reader.getAllRecords()) {
    if (record.find("data/aotinductor/") != std::string::npos) {
#ifdef GRPS_HAS_PACKAGES
      return std::make_unique<PackageModel>(options);
#else
      throw NeedsPython("an AOTInductor package with PyTorch " TORCH_VERSION);
#endif
    }
    const bool is_json = record.size() > 5 && record.compare(record.size() - 5, 5, ".json") == 0;
    is_program |= record == "serialized_exported_program.json" ||
                  (record.compare(0, 7, "models/") == 0 && is_json);
  }
  if (is_program) throw NeedsPython("a program of torch.export");
  return std::make_unique<ScriptModel>(options);
}

void *Open(const grps_engine_settings *settings, grps_error *error) noexcept {
  std::unique_ptr<TorchModel> model;
  Guarded(
      error,
      [&] {
        Options options{settings->path, settings->device, false};
        options.is_channels_last = Argument(settings->args, "/channels_last").integer != 0;
        SetThreads(static_cast<int>(settings->threads));
        SetInterOpThreads(Argument(settings->args, "/inter_op_threads").integer);
        LoadLibraries(settings->args);
        model = Load(options);
        model->threads = static_cast<int>(settings->threads);
        model->signature.Seal();
      },
      Judge);
  return model.release();
}

int32_t Describe(const void *model, grps_engine_signature *view, grps_error *) noexcept {
  static_cast<const TorchModel *>(model)->signature.Fill(view);
  return GRPS_OK;
}

int32_t Run(void *model, const grps_tensor *inputs, uint64_t count, grps_outputs *outputs,
            grps_error *error) noexcept {
  const auto run = [&] {
    auto *loaded = static_cast<TorchModel *>(model);
    SetThreads(loaded->threads);
    c10::InferenceMode guard;
    BorrowedMemory memory;
    NamedTensors results = loaded->Run(inputs, count, &memory);
    memory.Release();
    for (auto &[name, tensor] : results) AddOutput(outputs, name, std::move(tensor));
  };
  return Guarded(error, run, Judge) ? GRPS_OK : GRPS_ERROR;
}

void Close(void *model) noexcept { delete static_cast<TorchModel *>(model); }

constexpr grps_engine kEngine = {sizeof(grps_engine),
                                 GRPS_ENGINE_VERSION,
                                 "torch",
                                 "PyTorch " TORCH_VERSION,
                                 Open,
                                 Describe,
                                 Run,
                                 Close};

}  // namespace
}  // namespace grps::engine

extern "C" __attribute__((visibility("default"))) const grps_engine *grps_engine_open(
    const grps_host *host, grps_error *) noexcept {
  grps::engine::host = host;
  setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 0);
  return &grps::engine::kEngine;
}
