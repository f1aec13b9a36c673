"""gRPC stubs of the wire protocol: the very module ``grps.protocol.pb.grps_pb2_grpc``."""

import sys

from grps.protocol.pb import grps_pb2_grpc

sys.modules[__name__] = grps_pb2_grpc
