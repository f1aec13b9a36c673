// Whether bytes are UTF-8: the wire protocol has texts and bytes in different fields.
#pragma once

#include <string_view>

namespace grps::internal {

bool is_utf8(std::string_view text);

// Throws InvalidRequest if a text is not UTF-8.
void require_utf8(std::string_view text, const char* what);

}  // namespace grps::internal
