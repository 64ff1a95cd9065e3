"""Only named in a comment."""
