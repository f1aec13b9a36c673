"""The user contract (converter, inferer, context) and the loop that runs it."""
