"""Calls the service over gRPC: python client/grpc_client.py [127.0.0.1:7081].

Needs grpcio: pip install 'grpst[client]'.
"""

import sys

import grpc
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage, Status
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7081"

request = GrpsMessage()
request.gtensors.tensors.append(
    GenericTensor(name="x", dtype=DataType.DT_FLOAT32, shape=[1, 2], flat_float32=[1.0, 2.0])
)
with grpc.insecure_channel(ADDRESS) as channel:
    answer = GrpsServiceStub(channel).Predict(request, timeout=10)
print(answer)
# A failure of the model is the status in the message, not an error of the call.
sys.exit(answer.status.status == Status.FAILURE)
