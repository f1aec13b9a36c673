// What TensorRT and CUDA say of a failure, as one line, and what to do about it; as
// grps/backends/tensorrt/causes.py.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_CAUSES_HPP
#define GRPS_TENSORRT_CAUSES_HPP

#include <algorithm>
#include <cctype>
#include <grps/plugin/host.hpp>
#include <grps/tensorrt/libraries.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace grps::tensorrt {

namespace detail {

inline bool IsSpace(char one) { return std::isspace(static_cast<unsigned char>(one)) != 0; }

// The words of a text with one space between them.
inline std::string OneLine(std::string_view text) {
  std::string line;
  for (const char one : text) {
    if (!IsSpace(one)) {
      line += one;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// A line without the places in TensorRT's sources: "[In load at /src/x.cpp:12]".
inline std::string WithoutPlaces(std::string line) {
  for (size_t at = line.find(" at /"); at != std::string::npos; at = line.find(" at /", at + 1)) {
    size_t end = std::min(line.find(' ', at + 4), line.size());
    const std::string_view place(line.data() + at, end - at);
    const auto names = [&](std::string_view of) { return place.find(of) != place.npos; };
    if (!names(".cpp:") && !names(".h:") && !names(".cu:")) continue;
    size_t begin = at == 0 ? 0 : line.rfind(' ', at - 1);
    begin = begin == std::string::npos ? 0 : begin;
    for (const std::string_view word : {" [In", "[In", " In", "In"}) {
      if (begin < word.size() || line.compare(begin - word.size(), word.size(), word) != 0)
        continue;
      begin -= word.size();
      break;
    }
    line.replace(begin, end - begin, "");
    at = begin;
  }
  return OneLine(line);
}

// What is inside of "...Error Code 6: API Usage Error (...)".
inline std::string Unwrapped(const std::string &message) {
  static constexpr std::string_view kMark = "Error Code ";
  const size_t mark = message.find(kMark);
  const size_t open = mark == std::string::npos ? mark : message.find('(', mark);
  const size_t close = message.rfind(')');
  const size_t colon = mark == std::string::npos ? mark : message.find(": ", mark);
  if (open == std::string::npos || close == std::string::npos || colon == std::string::npos ||
      colon > open || close < open || close + 1 != message.size()) {
    return message;
  }
  return message.substr(open + 1, close - open - 1);
}

// The cause that a message of TensorRT's log has.
inline std::string CauseOf(std::string_view message) {
  std::string text = WithoutPlaces(Unwrapped(OneLine(message)));
  // "6: The engine plan file ..." is how TensorRT 8 began.
  size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  if (digits > 0 && text.compare(digits, 2, ": ") == 0) text.erase(0, digits + 2);
  return text;
}

inline bool HasAny(std::string text, std::initializer_list<std::string_view> words) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char one) { return static_cast<char>(std::tolower(one)); });
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != text.npos; });
}

// What to do when an engine can't be loaded for a cause by this version of TensorRT.
inline std::string LoadAdvice(const std::string &cause, const std::string &version) {
  if (HasAny(cause, {"incompatible device", "different gpu", "compute capabilit"})) {
    return "build the engine on the GPU that runs it, with TensorRT " + version;
  }
  if (HasAny(cause, {"version", "magictag", "magic tag", "plan file", "serializ"})) {
    return "build the engine again with the TensorRT that runs it (" + version + ")";
  }
  if (HasAny(cause, {"plugin"})) {
    return "name the plugin's library in inferer_args: customized_op_paths";
  }
  if (HasAny(cause, {"out of memory", "allocat"})) return "free GPU memory, or use fewer streams";
  return "check that the file is an engine for TensorRT " + version;
}

}  // namespace detail

// TensorRT's log: all of it goes into the log of the server, and the errors of a call are kept for
// the cause of its failure. There is one for the process.
class Log : public nvinfer1::ILogger {
 public:
  static Log &Get() {
    static Log log;
    return log;
  }

  // TensorRT calls this in the thread that called it, and perhaps in others.
  void log(Severity severity, const char *text) noexcept override {
    try {
      const std::string line = "TensorRT: " + detail::OneLine(text);
      if (severity <= Severity::kERROR) {
        Kept().emplace_back(text);
        LogError(line);
      } else if (severity == Severity::kWARNING) {
        LogWarning(line);
      } else {
        LogDebug(line);
      }
    } catch (...) {  // a line without memory for it is left out
    }
  }

  // Forgets this thread's errors: a call begins.
  void Begin() { Kept().clear(); }
  // Why the call of this thread failed that began last. The first error says most: those after it
  // show which callers gave up.
  std::string Cause(const std::string &otherwise) {
    for (const std::string &message : Kept()) {
      std::string cause = detail::CauseOf(message);
      const std::string said = cause.substr(0, cause.find_last_not_of('.') + 1);
      if (!said.empty() && said != "Engine deserialization failed" && said != "std::exception") {
        return cause;
      }
    }
    return otherwise;
  }
  // Throws when a call returned false.
  void Check(bool is_done, const std::string &otherwise) {
    if (!is_done) throw std::runtime_error(Cause(otherwise));
  }

 private:
  static std::vector<std::string> &Kept() {
    thread_local std::vector<std::string> kept;
    return kept;
  }
};

}  // namespace grps::tensorrt

#endif
