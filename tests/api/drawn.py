"""Values drawn at random into one declaration, and which of them parsing refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from phiwarden.api.quantities import Cpu, Memory
from phiwarden.api.values import Cidr, FullDate, Registry

from .declarations import Manifest, changed, portal


def _accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


_cidrs = st.one_of(
    st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 129)),
    st.ip_addresses(network="169.254.0.0/15").map("{}/32".format),
    st.from_regex(r"[0-9a-f:./%]{1,20}\n?", fullmatch=True),
)
_registries = st.from_regex(r"[a-cA-C0-9.:/_@\n-]{1,24}", fullmatch=True)
_days = st.from_regex(r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]", fullmatch=True)
_quantities = st.from_regex(r"[0-9]{0,3}(\.[0-9]{1,4})?(m|k|M|Gi|gi|E)?\n?", fullmatch=True)


@dataclass(frozen=True)
class Values:
    """Values of each kind; none is of a wrong type or too long, since then no rule is judged."""

    cidrs: list[str]
    registries: list[str]
    days: list[str]
    quantities: list[str]

    def declared(self) -> Manifest:
        """Return a declaration that holds them all and is good but for them."""
        zones = [
            {"name": f"z{i}", "data": "none", "quota": {"cpu": quantity, "memory": quantity}}
            for i, quantity in enumerate(self.quantities)
        ]
        zones[0]["images"] = {"registries": self.registries}
        agreement = {"type": "BAA", "counterparty": "them", "reference": "BAA-1"}
        externals = [
            {
                "name": f"e{i}",
                "kind": "other",
                "cidrs": ["192.0.2.0/24"],
                "agreement": {**agreement, "expires": day},
            }
            for i, day in enumerate(self.days)
        ]
        externals[0]["cidrs"] = self.cidrs
        more = {"zones": zones, "externals": externals}
        return changed(portal(), {"flows": [], "secrets": [], **more})

    def refused(self) -> set[str]:
        """Return the paths of the values that parsing refuses."""
        kinds: list[tuple[str, Any, list[str]]] = [
            ("spec.externals[0].cidrs[{}]", Cidr, self.cidrs),
            ("spec.zones[0].images.registries[{}]", Registry, self.registries),
            ("spec.externals[{}].agreement.expires", FullDate, self.days),
            ("spec.zones[{}].quota.cpu", Cpu, self.quantities),
            ("spec.zones[{}].quota.memory", Memory, self.quantities),
        ]
        return {
            path.format(i)
            for path, kind, values in kinds
            for i, value in enumerate(values)
            if not _accepts(kind, value)
        }


EDGES = Values(
    cidrs=["::/0", "0.0.0.0/0", "::ffff:0:0/96", "::fffe:0:0/95", "64:ff9b::192.0.2.0/120"],
    registries=["a.b", "a.b/", "a.b\n", "a:5000", "localhost", "a.b:123456", "a/b.c"],
    days=["2000-02-29", "2100-02-29", "2199-12-31", "2200-01-01"],
    quantities=["1m", "0.001", "1Mi", "0.999Mi", "1048576", "1048575.999"],
)

values = st.builds(
    Values,
    cidrs=st.lists(_cidrs, min_size=1, max_size=32, unique=True),
    registries=st.lists(_registries, min_size=1, max_size=32, unique=True),
    days=st.lists(_days, min_size=1, max_size=32),
    quantities=st.lists(_quantities, min_size=1, max_size=20),
)
