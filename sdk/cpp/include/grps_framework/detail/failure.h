// The exceptions of the framework's classes.
#pragma once

#include <exception>
#include <string>

namespace netease::grps {

// A failure whose text begins with the name of its kind.
class Failure : public std::exception {
 public:
  Failure(const char *kind, const std::string &message)
      : message_("[" + std::string(kind) + "] " + message) {}
  [[nodiscard]] const char *what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

}  // namespace netease::grps

// Defines an exception that is made of a message.
#define GRPS_EXCEPTION(name)                                        \
  class name : public ::netease::grps::Failure {                    \
   public:                                                          \
    explicit name(std::string message) : Failure(#name, message) {} \
  };
