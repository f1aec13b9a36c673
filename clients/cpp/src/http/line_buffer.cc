#include "http/line_buffer.h"

#include <utility>

namespace grps::internal {

void LineBuffer::append(std::string_view part) {
  if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
  }
  buffer_ += part;
}

bool LineBuffer::has_line() {
  const std::size_t found = buffer_.find('\n', searched_);
  searched_ = found == std::string::npos ? buffer_.size() : found;
  return found != std::string::npos;
}

std::optional<std::string> LineBuffer::take_line() {
  if (!has_line()) return std::nullopt;
  std::string line = buffer_.substr(begin_, searched_ - begin_);
  begin_ = ++searched_;
  return line;
}

std::string LineBuffer::take_rest() {
  std::string rest = buffer_.substr(begin_);
  buffer_.clear();
  begin_ = searched_ = 0;
  return rest;
}

}  // namespace grps::internal
