"""What proves that data at rest is encrypted: drivers as data, verdicts as values."""
