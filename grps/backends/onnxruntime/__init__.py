"""ONNX Runtime: ONNX models."""
