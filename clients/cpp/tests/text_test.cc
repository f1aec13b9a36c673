// UTF-8, base64 and lines.
#include <gtest/gtest.h>

#include "grps/errors.h"
#include "http/base64.h"
#include "http/line_buffer.h"
#include "utf8.h"

namespace grps::internal {
namespace {

TEST(Utf8Test, TellsTextFromBytes) {
  for (const char* text : {"", "plain", "é", "你好", "🎉", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* bytes : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                            "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF", "a\xE4\xBD"}) {
    EXPECT_FALSE(is_utf8(bytes)) << bytes;
  }
  EXPECT_THROW(require_utf8("\xFF", "the text"), InvalidRequest);
}

TEST(Base64Test, ReadsWhatItWrites) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    EXPECT_EQ(from_base64(to_base64(all)), all);
  }
  EXPECT_THROW(from_base64("a-b_"), ModelError);
}

TEST(LineBufferTest, TakesLinesThatComeInParts) {
  LineBuffer buffer;
  EXPECT_FALSE(buffer.take_line());
  buffer.append("one\ntw");
  EXPECT_EQ(buffer.take_line(), "one");
  EXPECT_FALSE(buffer.has_line());
  buffer.append("o\n\nrest");
  EXPECT_EQ(buffer.take_line(), "two");
  EXPECT_EQ(buffer.take_line(), "");
  EXPECT_EQ(buffer.size(), 4U);
  EXPECT_EQ(buffer.take_rest(), "rest");
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(LineBufferTest, KeepsOnlyWhatWasNotTaken) {
  LineBuffer buffer;
  for (int line = 0; line < 1000; ++line) {
    buffer.append(std::string(1000, 'x') + "\n");
    EXPECT_EQ(buffer.take_line()->size(), 1000U);
    EXPECT_EQ(buffer.size(), 0U);
  }
}

}  // namespace
}  // namespace grps::internal
