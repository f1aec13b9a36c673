// Content as messages of the wire protocol, and back.
#pragma once

#include <grps_apis/grps.pb.h>

#include "grps/content.h"

namespace grps::internal {

// Throws InvalidRequest if a text is not UTF-8, or for an NdArray, which gRPC does not have.
protos::v1::GrpsMessage write_message(const Content& content);

// Throws the exception of the message's status if that is a failure.
Content read_message(const protos::v1::GrpsMessage& message);

}  // namespace grps::internal
