"""The controller: kopf's handlers, and the work they ask for."""
