"""Reach, held to what others compute and to a real API server."""
