"""Python's verdict against the API server's, on generated objects near the edge of compliance."""
