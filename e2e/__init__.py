"""Tests, demo and benchmarks against a real Kubernetes API server."""
