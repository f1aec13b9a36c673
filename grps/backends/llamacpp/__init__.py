"""Language models by llama.cpp, which batches their sequences itself."""
