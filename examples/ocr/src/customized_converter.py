"""The nodes of this project take messages or named arrays: there is no converter."""
