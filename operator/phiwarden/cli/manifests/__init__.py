"""Manifests as people write them: files, folders and pipes of YAML and JSON, with lines."""
