"""The product at work: a story told on a real API server, every step of it checked."""
