"""Exceptions from the command line: asked for, looked at, decided."""
