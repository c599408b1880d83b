"""Whoever tries to take a boundary away: what was stored, and what was refused."""
