"""Records of decisions: who, what, when and why."""
