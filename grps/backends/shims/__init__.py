"""Shims: libraries between native code and engines with a C++ interface, built where they run."""
