"""What engines of language models share: files of models, tokenizers, and what a request asks for."""
