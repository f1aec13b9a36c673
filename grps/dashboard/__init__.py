"""The page at ``/``: HTML, CSS and JavaScript, no logic in Python."""
