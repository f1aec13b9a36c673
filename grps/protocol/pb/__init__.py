"""Generated from proto/grps.proto by tools/generate.py; not edited by hand."""
