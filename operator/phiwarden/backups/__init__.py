"""Backups of declared volumes: when to take them, which to keep, and whether they can be restored."""
