"""Language models by TensorRT-LLM, which batches their sequences itself."""
