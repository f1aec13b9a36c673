"""What engines of language models share: files of models and their tokenizers."""
