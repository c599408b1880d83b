"""Releases in files: reading them, the keys that sign and verify them, and what a zone asks."""
