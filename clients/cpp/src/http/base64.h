// Base64 of RFC 4648 with padding, as JSON has bytes.
#pragma once

#include <string>
#include <string_view>

namespace grps::internal {

std::string to_base64(std::string_view bytes);

// Throws ModelError if a text is not base64: it comes from the service.
std::string from_base64(std::string_view text);

}  // namespace grps::internal
