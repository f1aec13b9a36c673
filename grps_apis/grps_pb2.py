"""Messages of the wire protocol: the very module ``grps.protocol.pb.grps_pb2``."""

import sys

from grps.protocol.pb import grps_pb2

# One module under two names: its messages are the same types either way.
sys.modules[__name__] = grps_pb2
