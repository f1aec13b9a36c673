// Content from the JSON that the service writes.
#pragma once

#include <string>
#include <string_view>

#include "grps/content.h"

namespace grps::internal {

// Reads a message. Throws the exception of its status if that is a failure, and ModelError if it
// is no message.
Content read_json(std::string_view json);

// The text of an error: status.msg of a message, or the body itself if it is none.
std::string read_error_text(std::string_view body);

}  // namespace grps::internal
