"""Projects: creation, checks, requirements, and their deployment into a service folder."""
