"""Releases: pure decisions on whether one may be promoted, and by whose word."""
