"""What engines that run ONNX models share; it imports no framework."""
