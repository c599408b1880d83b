"""Settings of all tests that need no cluster."""

from hypothesis import settings

# No timed tests: a machine under load is no defect of the code.
settings.register_profile("phiwarden", deadline=None)
settings.load_profile("phiwarden")
