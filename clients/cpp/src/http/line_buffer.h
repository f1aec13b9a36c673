// Lines of a body that arrives in parts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace grps::internal {

class LineBuffer {
 public:
  void append(std::string_view part);

  // Takes the next whole line, without its end; nothing if there is none.
  std::optional<std::string> take_line();

  // Takes all that has no end of a line yet.
  std::string take_rest();

  bool has_line();
  std::size_t size() const { return buffer_.size() - begin_; }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;     // of the next line
  std::size_t searched_ = 0;  // there is no end of a line before it
};

}  // namespace grps::internal
