"""A real Kubernetes node with pods, probes, exec and NetworkPolicies that the kernel enforces.

with acquire() as node:
    node.cluster.kubectl("get", "pods", "--all-namespaces")
"""

from e2e.node.images import PEER
from e2e.node.launch import acquire
from e2e.node.network import Network
from e2e.node.node import Node
from e2e.node.prerequisites import NotHereError, obstacle

__all__ = ["PEER", "Network", "Node", "NotHereError", "acquire", "obstacle"]
