// Lines in the logs of a service: LOG4(INFO, "a = " << 1) in the one of the server, CLOG4 in the
// one of the user's code.
#pragma once

#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#define LOG4(level, ...)                                                                           \
  do {                                                                                             \
    ::netease::grps::LogLine(::netease::grps::LogLine::k##level, false, __FILE__, __LINE__).Take() \
        << __VA_ARGS__;                                                                            \
  } while (0)
#define CLOG4(level, ...)                                                                         \
  do {                                                                                            \
    ::netease::grps::LogLine(::netease::grps::LogLine::k##level, true, __FILE__, __LINE__).Take() \
        << __VA_ARGS__;                                                                           \
  } while (0)

namespace netease::grps {

// A line that is written when it is complete.
class LogLine {
 public:
  enum Level { kTRACE, kDEBUG, kINFO, kWARN, kERROR, kFATAL };

  LogLine(Level level, bool is_user, const char *file, int line)
      : level_(level), is_user_(is_user), file_(file), line_(line) {}
  ~LogLine();
  LogLine(const LogLine &) = delete;
  LogLine &operator=(const LogLine &) = delete;
  LogLine &Take() { return *this; }

  template <typename T>
  LogLine &operator<<(const T &value) {
    Write(value);
    return *this;
  }
  LogLine &operator<<(std::ostream &(*change)(std::ostream &)) {
    text_ << change;
    return *this;
  }
  LogLine &operator<<(std::ios_base &(*change)(std::ios_base &)) {
    text_ << change;
    return *this;
  }

 private:
  template <typename T>
  void Write(const T &value) {
    text_ << value;
  }
  // Containers are written as their elements.
  template <typename T>
  void Write(const std::vector<T> &values) {
    const char *before = "[";
    for (const auto &value : values) {
      text_ << std::exchange(before, ", ");
      Write(static_cast<const T &>(value));
    }
    text_ << (values.empty() ? "[]" : "]");
  }
  template <typename K, typename V>
  void Write(const std::pair<K, V> &pair) {
    text_ << '(';
    Write(pair.first);
    text_ << ", ";
    Write(pair.second);
    text_ << ')';
  }
  template <typename K, typename V>
  void Write(const std::map<K, V> &map) {
    Write(std::vector<std::pair<K, V>>(map.begin(), map.end()));
  }

  Level level_;
  bool is_user_;
  const char *file_;
  int line_;
  std::ostringstream text_;
};

// Where lines go to: the log of the service, or files in unit tests. Any thread may use it.
class DailyLogger {
 public:
  DailyLogger(const DailyLogger &) = delete;
  DailyLogger &operator=(const DailyLogger &) = delete;

  static DailyLogger &Instance();

  // Writes to these files, outside of a service. Throws std::runtime_error when one can't be
  // opened. A service keeps its own logs.
  void Init(const std::string &sys_log_path, int sys_log_backup_count,
            const std::string &usr_log_path, int usr_log_backup_count);

 private:
  DailyLogger() = default;
};

}  // namespace netease::grps
