// Runs engines of TensorRT 10 or newer: files .engine or .plan, built by the TensorRT and on the
// kind of GPU that run them.
//
//   find_package(grps REQUIRED COMPONENTS tensorrt)   # the target grps::tensorrt
//
// NVIDIA's headers of TensorRT and CUDA are needed to build, of the major version that runs. The
// libraries are opened when a model is loaded.
#ifndef GRPS_TENSORRT_HPP
#define GRPS_TENSORRT_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <grps/plugin.hpp>
#include <grps/tensorrt/engine.hpp>
#include <grps/tensorrt/execution.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grps::tensorrt {

// Why no engine can run on this machine, such as "TensorRT is not installed: ..."; nothing if one
// can. For unit tests that need a GPU.
inline std::optional<std::string> WhyUnavailable() {
  try {
    Libraries::Get();
    Device("cuda");
    return std::nullopt;
  } catch (const std::exception &error) {
    return error.what();
  }
}

// The libraries of operators that inferer_args.customized_op_paths names: a list of paths, or one
// text parted by commas.
inline std::vector<std::string> CustomizedOpPaths(const Settings &settings) {
  static constexpr std::string_view kKey = "/customized_op_paths";
  std::vector<std::string> given, paths;
  const size_t count = settings.Length(kKey);
  for (size_t at = 0; at < count; ++at) {
    given.push_back(settings.Text(std::string(kKey) + "/" + std::to_string(at), ""));
  }
  if (count == 0) given.push_back(settings.Text(kKey, ""));
  for (const std::string &text : given) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      const std::string path = detail::OneLine(text.substr(begin, end - begin));
      if (!path.empty()) paths.push_back(path);
      begin = end + 1;
    }
  }
  return paths;
}

// A loaded engine with a stream of its own. One thread at a time uses it.
class Model {
 public:
  // Loads a file on the device of the model; throws std::runtime_error.
  Model(const Settings &settings, const std::string &path)
      : engine_(path, settings.device(), CustomizedOpPaths(settings)), execution_(engine_) {}

  const std::vector<EngineTensor> &inputs() const { return engine_.inputs(); }
  const std::vector<EngineTensor> &outputs() const { return engine_.outputs(); }

  // Runs the engine on the inputs of a batch, through the memory of the device. An engine with one
  // input takes the first one, whatever its name.
  void Run(const Batch &batch, Outputs outputs) {
    std::vector<Tensor> inputs;
    for (const EngineTensor &tensor : engine_.inputs()) {
      inputs.push_back(engine_.inputs().size() == 1 ? batch.input(0) : batch.input(tensor.name));
    }
    Run(inputs, outputs);
  }
  // The same on inputs in the order of the engine.
  void Run(const std::vector<Tensor> &inputs, Outputs outputs) {
    execution_.Run(inputs, [&](const EngineTensor &tensor, const Shape &shape) {
      return outputs.Add(tensor.name, tensor.dtype, shape);
    });
  }

  // Runs the engine on zeros of the shapes that its first profile is tuned for: the first run takes
  // longer. Inputs whose values are shapes need a request.
  void WarmUp() {
    std::vector<std::vector<double>> zeros;  // aligned for each type
    std::vector<grps_tensor> views;
    for (const EngineTensor &tensor : engine_.inputs()) {
      if (tensor.is_on_host || tensor.ranges.empty()) return;
      const Shape &shape = tensor.ranges.front().best;
      const auto count = static_cast<size_t>(grps::detail::CountOf(shape));
      const size_t bytes = count * grps::detail::SizeOf(tensor.dtype);
      zeros.emplace_back(bytes / sizeof(double) + 1);
      views.push_back(grps::detail::Describe(tensor.name, shape, tensor.dtype));
      views.back().data = zeros.back().data();
      views.back().bytes = bytes;
    }
    std::vector<double> unused;
    execution_.Run({views.begin(), views.end()}, [&](const EngineTensor &tensor, const Shape &to) {
      const auto count = static_cast<size_t>(grps::detail::CountOf(to));
      unused.resize(count * grps::detail::SizeOf(tensor.dtype) / sizeof(double) + 1);
      return unused.data();
    });
  }

 private:
  Engine engine_;
  Execution execution_;
};

}  // namespace grps::tensorrt

#endif
