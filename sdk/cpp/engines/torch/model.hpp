// One loaded copy of a model of PyTorch, whichever of the file formats it came from.
#ifndef GRPS_TORCH_MODEL_HPP
#define GRPS_TORCH_MODEL_HPP

#include <string>
#include <vector>

#include "../shim.hpp"
#include "values.hpp"

namespace grps::engine {

// What a model is loaded with.
struct Options {
  std::string path;
  std::string device;
  bool is_channels_last = false;
};

class TorchModel {
 public:
  virtual ~TorchModel() = default;
  // Runs it once.
  virtual NamedTensors Run(const grps_tensor *inputs, uint64_t count, BorrowedMemory *memory) = 0;

  Signature signature;
  int threads = 1;
};

}  // namespace grps::engine

#endif
