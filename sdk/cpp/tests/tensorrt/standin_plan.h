// The engine files that the stand-in for TensorRT reads: words after "ftrt".
//
//   input x FLOAT -1x2               an input, its type and its shape
//   range 1x2 4x2 16x2               the shapes that the next profile allows the input before
//   output y FLOAT -1x2              an output of the input of the same number
//   host | chw4 | rows               of the tensor before: it is in the memory of the host, in this
//                                    format, or has only the rows that begin with no negative
//                                    number
//   fails deserialize | context | enqueue | setInputShape | output
//
// The engine doubles numbers of float32 and copies elements of other types.
#pragma once

#include <NvInferRuntime.h>

#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace standin {

using nvinfer1::DataType;
using nvinfer1::Dims;

struct PlanTensor {
  std::string name;
  bool is_input = false;
  DataType type = DataType::kFLOAT;
  Dims shape = {};
  std::vector<Dims> ranges;  // the least, best and most of each profile
  std::set<std::string> flags;
};

struct Plan {
  std::vector<PlanTensor> tensors;
  std::set<std::string> fails;
  int32_t profiles = 1;
};

inline Dims ReadDims(std::istream &text) {
  std::string word;
  text >> word;
  Dims dims = {};
  std::istringstream sizes(word);
  for (std::string size; std::getline(sizes, size, 'x');) dims.d[dims.nbDims++] = std::stoll(size);
  return dims;
}

inline Plan ReadPlan(std::istream &text) {
  static const std::map<std::string, DataType> types = {
      {"FLOAT", DataType::kFLOAT}, {"HALF", DataType::kHALF},   {"BF16", DataType::kBF16},
      {"INT32", DataType::kINT32}, {"INT64", DataType::kINT64}, {"BOOL", DataType::kBOOL},
      {"UINT8", DataType::kUINT8}, {"INT8", DataType::kINT8},   {"FP8", DataType::kFP8}};
  Plan plan;
  for (std::string word, name; text >> word;) {
    if (word == "fails") {
      text >> name;
      plan.fails.insert(name);
    } else if (word == "input" || word == "output") {
      PlanTensor tensor;
      tensor.is_input = word == "input";
      text >> tensor.name >> name;
      tensor.type = types.at(name);
      tensor.shape = ReadDims(text);
      plan.tensors.push_back(tensor);
    } else if (word == "range") {
      auto &ranges = plan.tensors.back().ranges;
      for (int count = 0; count < 3; ++count) ranges.push_back(ReadDims(text));
      plan.profiles = static_cast<int32_t>(ranges.size() / 3);
    } else {
      plan.tensors.back().flags.insert(word);
    }
  }
  return plan;
}

inline size_t BytesOf(DataType type) {
  switch (type) {
    case DataType::kINT64:
      return 8;
    case DataType::kFLOAT:
    case DataType::kINT32:
      return 4;
    case DataType::kHALF:
    case DataType::kBF16:
      return 2;
    default:
      return 1;
  }
}

inline int64_t CountOf(const Dims &dims) {
  int64_t count = 1;
  for (int32_t at = 0; at < dims.nbDims; ++at) count *= dims.d[at];
  return count;
}

}  // namespace standin
