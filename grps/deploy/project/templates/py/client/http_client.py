"""Calls the service over HTTP: python client/http_client.py [http://127.0.0.1:7080]."""

import json
import sys
import urllib.request

BASE = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7080"
TENSOR = {"name": "x", "dtype": "DT_FLOAT32", "shape": [1, 2], "flat_float32": [1.0, 2.0]}

request = urllib.request.Request(
    f"{BASE}/grps/v1/infer/predict",
    data=json.dumps({"gtensors": {"tensors": [TENSOR]}}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    print(json.dumps(json.load(response), indent=1))
