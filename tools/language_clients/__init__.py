"""Checks a service of a language model with LangChain and LiteLLM."""
