"""Decoders that are ONNX graphs with a cache, on ONNX Runtime."""
