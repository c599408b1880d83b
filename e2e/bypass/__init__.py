"""Whoever tries to get a pod past its zone's rules: what was stored, and what was refused."""
