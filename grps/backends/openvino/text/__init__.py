"""Networks that make numbers of text: embeddings and scores."""
