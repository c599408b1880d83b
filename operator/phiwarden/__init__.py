"""phiwarden: healthcare guardrails that the Kubernetes API server enforces."""

__version__ = "0.1.0"
