"""Shims: libraries between an engine with a C++ interface and native code, built where it is used."""
