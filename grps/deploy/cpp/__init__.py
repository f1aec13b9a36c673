"""Projects in C++: their build, their unit tests, and what of it an archive needs."""
