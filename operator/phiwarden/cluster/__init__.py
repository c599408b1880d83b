"""I/O: the one place that talks to the API server."""
