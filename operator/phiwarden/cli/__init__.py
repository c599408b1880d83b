"""Commands: what a container or a person runs."""
