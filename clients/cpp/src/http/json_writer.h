// Content as the JSON that the service reads.
#pragma once

#include <string>

#include "grps/content.h"

namespace grps::internal {

// Throws InvalidRequest if a text is not UTF-8. Bytes have no JSON form here.
std::string write_json(const Content& content);

}  // namespace grps::internal
