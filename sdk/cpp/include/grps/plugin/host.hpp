// Errors, log lines and metrics of a plugin, and its way to the table of the host.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_HOST_HPP
#define GRPS_PLUGIN_HOST_HPP

#include <grps/monitor.h>
#include <grps/plugin.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace grps {

// The client's fault; its message goes to the client with this HTTP status, 400 to 499.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string &message, int status = 400)
      : std::runtime_error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

// The inferer is unusable, such as after an error of its device.
class BrokenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

// Each plugin has its own: it must not be shared with another library of the process.
__attribute__((visibility("hidden"))) inline const grps_host *host = nullptr;

template <typename T>
constexpr int32_t DTypeOf() {
  if constexpr (std::is_same_v<T, bool>) return GRPS_BOOL;
  if constexpr (std::is_same_v<T, uint8_t>) return GRPS_UINT8;
  if constexpr (std::is_same_v<T, uint16_t>) return GRPS_UINT16;
  if constexpr (std::is_same_v<T, uint32_t>) return GRPS_UINT32;
  if constexpr (std::is_same_v<T, uint64_t>) return GRPS_UINT64;
  if constexpr (std::is_same_v<T, int8_t>) return GRPS_INT8;
  if constexpr (std::is_same_v<T, int16_t>) return GRPS_INT16;
  if constexpr (std::is_same_v<T, int32_t>) return GRPS_INT32;
  if constexpr (std::is_same_v<T, int64_t>) return GRPS_INT64;
  if constexpr (std::is_same_v<T, float>) return GRPS_FLOAT32;
  if constexpr (std::is_same_v<T, double>) return GRPS_FLOAT64;
  return -1;
}

// Bytes of an element; 0 for strings.
inline size_t SizeOf(int32_t dtype) {
  static constexpr size_t sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 0};
  return dtype >= GRPS_BOOL && dtype <= GRPS_STRING ? sizes[dtype] : 0;
}

inline const char *NameOf(int32_t dtype) {
  static constexpr const char *names[] = {"bool",     "uint8",   "uint16",  "uint32", "uint64",
                                          "int8",     "int16",   "int32",   "int64",  "float16",
                                          "bfloat16", "float32", "float64", "string"};
  return dtype >= GRPS_BOOL && dtype <= GRPS_STRING ? names[dtype] : "unknown";
}

// A wrong call of the host's functions.
struct WrongCall : std::logic_error {
  using std::logic_error::logic_error;
};

inline void Check(int32_t status) {
  // The host has noted what was wrong, and its message is the one that counts.
  if (status == GRPS_ERROR) throw WrongCall("a wrong call of the plugin interface");
}

// Calls a function of the project, and reports what it throws.
template <typename F>
bool Guard(grps_error *error, F &&call) noexcept {
  const auto fail = [error](int32_t failure, std::string_view text) {
    host->fail(error, failure, text.data(), text.size());
    return false;
  };
  try {
    call();
    return true;
  } catch (const InputError &fault) {
    return fail(fault.status(), fault.what());
  } catch (const BrokenError &fault) {
    return fail(GRPS_BROKEN, fault.what());
  } catch (const std::exception &fault) {
    return fail(GRPS_FAILED, fault.what());
  } catch (...) {
    return fail(GRPS_FAILED, "an exception that is no std::exception");
  }
}

}  // namespace detail

// Lines in the log of the server.
inline void Log(int32_t level, std::string_view text) {
  detail::host->log(level, text.data(), text.size());
}
inline void LogDebug(std::string_view text) { Log(GRPS_DEBUG, text); }
inline void LogInfo(std::string_view text) { Log(GRPS_INFO, text); }
inline void LogWarning(std::string_view text) { Log(GRPS_WARNING, text); }
inline void LogError(std::string_view text) { Log(GRPS_ERROR_LEVEL, text); }

// Records a metric; returns a grps_monitor_status.
inline int32_t Record(grps_metric_kind kind, std::string_view name, double value) {
  return detail::host->record(kind, name.data(), name.size(), value);
}

}  // namespace grps

#endif
