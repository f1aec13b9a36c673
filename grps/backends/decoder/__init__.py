"""Language models in the form of Hugging Face, by a decoder of our own that runs in steps."""
