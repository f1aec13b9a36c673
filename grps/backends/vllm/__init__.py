"""Language models by vLLM, which batches their sequences itself."""
