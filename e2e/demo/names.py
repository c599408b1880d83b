"""Names: those of the examples, or on a cluster of the user's own names that nobody else has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WORKLOADS = ("portal", "billing")
_CLASSES = ("encrypted-disks", "archive-disks")


@dataclass(frozen=True)
class Names:
    """What the demo calls its PHIWorkloads and namespaces: the examples' names and a suffix."""

    suffix: str = ""

    @property
    def portal(self) -> str:
        """The PHIWorkload that the story is about."""
        return f"portal{self.suffix}"

    @property
    def workloads(self) -> tuple[str, ...]:
        """Every PHIWorkload that the demo declares."""
        return tuple(f"{name}{self.suffix}" for name in _WORKLOADS)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that the demo has made for it."""
        zones = (
            *(f"portal-{zone}" for zone in ("edge", "clinical", "analytics")),
            "billing-claims",
        )
        return tuple(self._named(zone) for zone in zones)

    def zone(self, name: str) -> str:
        """Return the namespace of a zone of the portal."""
        return f"{self.portal}-{name}"

    def into(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return a manifest of the examples under these names."""
        manifest = self._classes(manifest)
        metadata = dict(manifest["metadata"])
        changed = {**manifest, "metadata": metadata}
        if manifest["kind"] in ("PHIWorkload", "Namespace"):
            metadata["name"] = self._named(metadata["name"])
        if "namespace" in metadata:
            metadata["namespace"] = self._named(metadata["namespace"])
        if manifest["kind"] == "PHIWorkload":
            zones = [
                {
                    **zone,
                    **(
                        {"namespace": self._named(zone["namespace"])} if "namespace" in zone else {}
                    ),
                }
                for zone in manifest["spec"]["zones"]
            ]
            changed["spec"] = {**manifest["spec"], "zones": zones}
        return changed

    @property
    def classes(self) -> tuple[str, ...]:
        """Every StorageClass that the demo brings."""
        return tuple(f"{name}{self.suffix}" for name in _CLASSES)

    def _classes(self, value: Any) -> Any:
        """Return a value with the names of StorageClasses, wherever they stand."""
        if isinstance(value, Mapping):
            return {key: self._classes(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._classes(item) for item in value]
        return f"{value}{self.suffix}" if value in _CLASSES else value

    def _named(self, name: str) -> str:
        for workload in _WORKLOADS:
            if name == workload or name.startswith(f"{workload}-"):
                return f"{workload}{self.suffix}{name.removeprefix(workload)}"
        return name
