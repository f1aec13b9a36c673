// Statuses of gRPC as exceptions.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

namespace grps::internal {

// Throws the exception of a call that ended with a status other than OK.
[[noreturn]] void throw_rpc_status(const grpc::Status& status, const grpc::ClientContext& context);

}  // namespace grps::internal
