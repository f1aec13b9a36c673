// Where lines of LOG4 and CLOG4 go to.
#include "logger/logger.h"

#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <stdexcept>

#include "host.h"

namespace netease::grps {
namespace {

// The files of unit tests.
struct Files {
  std::mutex mutex;
  std::ofstream of_server;
  std::ofstream of_user;
};

Files &TheFiles() {
  static auto *files = new Files();  // lines may be written until the process ends
  return *files;
}

void Open(std::ofstream &file, const std::string &path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  file.open(path, std::ios::app);
  if (!file) throw std::runtime_error(path + ": the log can't be written");
}

std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts = {};
  localtime_r(&seconds, &parts);
  char text[32] = {};
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

int32_t HostLevel(LogLine::Level level) {
  if (level <= LogLine::kDEBUG) return GRPS_DEBUG;
  if (level == LogLine::kINFO) return GRPS_INFO;
  return level == LogLine::kWARN ? GRPS_WARNING : GRPS_ERROR_LEVEL;
}

}  // namespace

LogLine::~LogLine() {
  const std::string text = text_.str();
  if (Host() != nullptr) {
    Host()->log(HostLevel(level_), text.data(), text.size());
    return;
  }
  static constexpr const char *names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
  const char *slash = std::strrchr(file_, '/');
  Files &files = TheFiles();
  const std::lock_guard<std::mutex> lock(files.mutex);
  std::ofstream &file = is_user_ ? files.of_user : files.of_server;
  std::ostream &target = file.is_open() ? static_cast<std::ostream &>(file) : std::clog;
  target << Now() << ' ' << (slash == nullptr ? file_ : slash + 1) << ':' << line_ << ' '
         << names[level_] << "] " << text << std::endl;
}

DailyLogger &DailyLogger::Instance() {
  static DailyLogger instance;
  return instance;
}

void DailyLogger::Init(const std::string &sys_log_path, int, const std::string &usr_log_path, int) {
  if (Host() != nullptr) return;
  Files &files = TheFiles();
  const std::lock_guard<std::mutex> lock(files.mutex);
  if (!files.of_server.is_open()) Open(files.of_server, sys_log_path);
  if (!files.of_user.is_open()) Open(files.of_user, usr_log_path);
}

}  // namespace netease::grps
