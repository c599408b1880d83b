"""The feedback webhook: tells an application team in full what the API server refuses."""
