"""Call the service of the example app. Start it first: grpst example app, then serve it."""

import sys

import numpy as np

from grps.client import Client

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7080"
with Client(address) as client:
    result = client.predict({"x": np.array([[1.0, 2.0]], np.float32)}, model="double")
    print(result.array)
