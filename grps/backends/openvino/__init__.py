"""OpenVINO: its own models and those of ONNX."""
