"""Language models by OpenVINO GenAI, which batches their sequences itself."""
