"""One file per verb; each has the verb's ``command``."""
