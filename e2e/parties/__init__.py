"""Other projects whose objects phiwarden reads: their real CRDs and, of some, their controllers.

install(admin, "external-secrets")
with external_secrets(cluster):
    ...
"""

from e2e.parties.controllers import Controller, cert_manager, external_secrets, snapshot_controller
from e2e.parties.crds import PARTIES, crds, install, uninstall
from e2e.parties.snapshots import Driver, driver

__all__ = [
    "PARTIES",
    "Controller",
    "Driver",
    "cert_manager",
    "crds",
    "driver",
    "external_secrets",
    "install",
    "snapshot_controller",
    "uninstall",
]
