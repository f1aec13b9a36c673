"""TensorRT: engine files."""
