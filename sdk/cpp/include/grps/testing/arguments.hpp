// inferer_args of a model under test: JSON, and what a JSON pointer finds in it.
#ifndef GRPS_TESTING_ARGUMENTS_HPP
#define GRPS_TESTING_ARGUMENTS_HPP

#include <grps/plugin.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::testing::detail {

// A value of JSON; maps keep their order.
struct Json {
  int32_t kind = GRPS_NULL;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<std::pair<std::string, Json>> entries;  // of lists too, whose keys are indices

  const Json *Find(std::string_view key) const {
    for (const auto &[name, value] : entries) {
      if (name == key) return &value;
    }
    return nullptr;
  }
};

// Reads JSON; throws std::invalid_argument with the offset of what is wrong.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Json ReadAll() {
    Json value = Read();
    Skip();
    if (at_ != text_.size()) Fail();
    return value;
  }

 private:
  [[noreturn]] void Fail() const {
    throw std::invalid_argument("the arguments are no JSON at offset " + std::to_string(at_));
  }
  void Skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  char Next() {
    Skip();
    if (at_ == text_.size()) Fail();
    return text_[at_];
  }
  bool Take(char expected) {
    if (Next() != expected) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json Read() {
    Json value;
    const char first = Next();
    if (first == '{' || first == '[') return ReadEntries(first == '{');
    if (first == '"') {
      value.kind = GRPS_TEXT;
      value.text = ReadText();
    } else if (TakeWord("true") || TakeWord("false")) {
      value.kind = GRPS_BOOLEAN;
      value.integer = text_[at_ - 2] == 'u' ? 1 : 0;
    } else if (!TakeWord("null")) {
      ReadNumber(value);
    }
    return value;
  }

  Json ReadEntries(bool is_map) {
    Json value;
    value.kind = is_map ? GRPS_MAP : GRPS_LIST;
    const char end = is_map ? '}' : ']';
    ++at_;
    if (Take(end)) return value;
    do {
      std::string key = std::to_string(value.entries.size());
      if (is_map) {
        if (Next() != '"') Fail();
        key = ReadText();
        if (!Take(':')) Fail();
      }
      value.entries.emplace_back(std::move(key), Read());
    } while (Take(','));
    if (!Take(end)) Fail();
    return value;
  }

  std::string ReadText() {
    static constexpr std::string_view names = "\"\\/bfnrt";
    static constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    std::string text;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        text += text_[at_];
        continue;
      }
      if (++at_ == text_.size()) Fail();
      const size_t known = names.find(text_[at_]);
      if (known == std::string_view::npos) Fail();  // \u: write the character itself
      text += meant[known];
    }
    if (at_ == text_.size()) Fail();
    ++at_;
    return text;
  }

  void ReadNumber(Json &value) {
    const size_t length = text_.substr(at_).find_first_not_of("+-.0123456789eE");
    const std::string written(text_.substr(at_, length));
    char *end = nullptr;
    value.number = std::strtod(written.c_str(), &end);
    if (written.empty() || *end != '\0') Fail();
    const bool is_integer = written.find_first_of(".eE") == std::string::npos;
    value.kind = is_integer ? GRPS_INTEGER : GRPS_NUMBER;
    if (is_integer) value.integer = std::strtoll(written.c_str(), nullptr, 10);
    at_ += written.size();
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace grps::testing::detail

struct grps_args {
  grps::testing::detail::Json root;

  // What a JSON pointer finds; nullptr without it.
  const grps::testing::detail::Json *Find(std::string_view pointer) const {
    const auto *value = &root;
    while (value != nullptr && !pointer.empty()) {
      if (pointer.front() != '/') return nullptr;
      pointer.remove_prefix(1);
      const size_t end = pointer.find('/');
      value = value->Find(Unescape(pointer.substr(0, end)));
      pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
    }
    return value;
  }

 private:
  static std::string Unescape(std::string_view part) {
    std::string plain;
    for (size_t index = 0; index < part.size(); ++index) {
      const bool is_escape = part[index] == '~' && index + 1 < part.size();
      plain += is_escape ? (part[++index] == '1' ? '/' : '~') : part[index];
    }
    return plain;
  }
};

#endif
