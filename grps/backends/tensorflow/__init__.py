"""TensorFlow: SavedModels."""
