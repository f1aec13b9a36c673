// The choice of an optimization profile by the shapes of a request; as
// grps/backends/tensorrt/profiles.py.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_PROFILES_HPP
#define GRPS_TENSORRT_PROFILES_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <grps/plugin/host.hpp>
#include <grps/tensorrt/types.hpp>
#include <string>
#include <vector>

namespace grps::tensorrt {

namespace detail {

inline bool Allows(const ShapeRange &allowed, const Shape &shape) {
  if (shape.size() != allowed.most.size()) return false;
  for (size_t at = 0; at < shape.size(); ++at) {
    if (shape[at] < allowed.least[at] || shape[at] > allowed.most[at]) return false;
  }
  return true;
}

// How far a shape is from the one that a profile is tuned for.
inline double Distance(const ShapeRange &allowed, const Shape &shape) {
  double sum = 0;
  for (size_t at = 0; at < shape.size(); ++at) {
    const auto size = static_cast<double>(std::max<int64_t>(shape[at], 1));
    const auto best = static_cast<double>(std::max<int64_t>(allowed.best[at], 1));
    sum += std::abs(std::log(size / best));
  }
  return sum;
}

inline std::string TextOf(const Shape &shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

inline std::string TextOf(const ShapeRange &allowed) {
  std::string text;
  for (size_t at = 0; at < allowed.most.size(); ++at) {
    const int64_t least = allowed.least[at], most = allowed.most[at];
    text += (text.empty() ? "" : ", ") + (least == most ? "" : std::to_string(least) + "..") +
            std::to_string(most);
  }
  return "[" + text + "]";
}

// Names the input that fits no profile or, if each fits one, the profiles of all inputs.
inline std::string Refusal(const std::vector<EngineTensor> &inputs,
                           const std::vector<Shape> &shapes, size_t profiles) {
  for (size_t at = 0; at < inputs.size(); ++at) {
    std::vector<std::string> ranges;
    bool is_allowed = false;
    for (const ShapeRange &allowed : inputs[at].ranges) {
      is_allowed = is_allowed || Allows(allowed, shapes[at]);
      const std::string text = TextOf(allowed);
      if (std::find(ranges.begin(), ranges.end(), text) == ranges.end()) ranges.push_back(text);
    }
    if (is_allowed) continue;
    std::string joined;
    for (const std::string &one : ranges) joined += (joined.empty() ? "" : " or ") + one;
    return "input " + inputs[at].name + " has shape " + TextOf(shapes[at]) +
           "; the engine allows " + joined;
  }
  std::string given, all;
  for (size_t at = 0; at < inputs.size(); ++at) {
    given += (at == 0 ? "" : ", ") + inputs[at].name + " " + TextOf(shapes[at]);
  }
  for (size_t profile = 0; profile < profiles; ++profile) {
    all += (profile == 0 ? "profile " : "; profile ") + std::to_string(profile) + ":";
    for (size_t at = 0; at < inputs.size(); ++at) {
      all += (at == 0 ? " " : ", ") + inputs[at].name + " " + TextOf(inputs[at].ranges[profile]);
    }
  }
  return "the inputs have shapes " + given + ", which fit no profile together (" + all + ")";
}

}  // namespace detail

// The index of the profile for these shapes, the one tuned for the nearest; the first among equals.
// Throws InputError with the shapes that are allowed.
inline int32_t ChooseProfile(const std::vector<EngineTensor> &inputs,
                             const std::vector<Shape> &shapes) {
  const size_t profiles = inputs.empty() ? 1 : inputs.front().ranges.size();
  int32_t chosen = -1;
  double least = 0;
  for (size_t profile = 0; profile < profiles; ++profile) {
    bool is_allowed = true;
    double distance = 0;
    for (size_t at = 0; at < inputs.size() && is_allowed; ++at) {
      is_allowed = detail::Allows(inputs[at].ranges[profile], shapes[at]);
      if (is_allowed) distance += detail::Distance(inputs[at].ranges[profile], shapes[at]);
    }
    if (!is_allowed || (chosen >= 0 && distance >= least)) continue;
    chosen = static_cast<int32_t>(profile);
    least = distance;
  }
  if (chosen < 0) throw InputError(detail::Refusal(inputs, shapes, profiles));
  return chosen;
}

}  // namespace grps::tensorrt

#endif
