// The one table from statuses of the service to exceptions.
#pragma once

#include <string>

#include "grps/errors.h"

namespace grps::internal {

// Throws the exception that belongs to a status of HTTP, which is also that of a GrpsMessage.
[[noreturn]] void throw_status(const std::string& message, ErrorDetails details);

}  // namespace grps::internal
