"""Declarations of the API: a good one, changes to it, and what becomes of each.

The tables hold in two places: the API server has to answer as they say, and
parsing must not fail for what it accepts.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "clinic"

Manifest = dict[str, Any]
Changes = Mapping[str, Any]

DROP: Final = object()
"""As a new value: the field is left out."""


def portal() -> Manifest:
    """Return the example's PHIWorkload, as the API server takes it."""
    text = (EXAMPLES / "phiworkload.yaml").read_text(encoding="utf-8")
    manifest: Manifest = yaml.load(text, Loader=_KubernetesLoader)
    return manifest


class _KubernetesLoader(yaml.SafeLoader):
    """Reads a day without quotes as a string, as kubectl does."""


_KubernetesLoader.add_constructor(
    "tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node)
)


def changed(manifest: Manifest, changes: Changes) -> Manifest:
    """Return a copy with changes by path, such as `zones[0].data`, below spec by default."""
    result = copy.deepcopy(manifest)
    for path, value in changes.items():
        keys = [int(key) if key.isdigit() else key for key in re.findall(r"[A-Za-z]+|\d+", path)]
        *parents, last = keys if keys[0] == "metadata" else ["spec", *keys]
        node: Any = result
        for key in parents:
            node = node[key]
        if value is DROP:
            del node[last]
        elif isinstance(node, list) and last == len(node):
            node.append(copy.deepcopy(value))
        else:
            node[last] = copy.deepcopy(value)
    return result


@dataclass(frozen=True)
class Rejected:
    """A change that makes the good declaration bad."""

    what: str
    changes: Changes
    path: str
    """Field that the answer must name."""
    says: tuple[str, ...]
    """What the answer must say besides, the offender among it."""
    form: bool = False
    """Whether a single value is at fault, so that parsing refuses it too."""


@dataclass(frozen=True)
class Transition:
    """A change to a stored declaration; `path` is empty where it is allowed."""

    what: str
    before: Changes
    after: Changes
    path: str = ""
    says: tuple[str, ...] = ()


FLOW: Final = {
    "from": {"zone": "edge"},
    "to": {"zone": "clinical"},
    "ports": [{"port": 8443}],
    "purpose": "treatment",
}
SCANNER: Final = {"name": "scanner", "kind": "other", "cidrs": ["198.51.100.0/24"]}
TO_SCANNER: Final = {**FLOW, "to": {"external": "scanner"}}
FROM_SCANNER: Final = {**FLOW, "from": {"external": "scanner"}}
AGREEMENT: Final = {
    "type": "BAA",
    "counterparty": "Scanner Inc",
    "reference": "BAA-1",
    "expires": "2030-02-28",
}
VOLUME: Final[dict[str, Any]] = {
    "name": "charts",
    "zone": "clinical",
    "size": "10Gi",
    "accessModes": ["ReadWriteOnce"],
    "storageClassName": "fast-encrypted",
    "backup": {
        "every": "24h",
        "snapshotClass": "encrypted-snapshots",
        "keep": 7,
        "restoreTestEvery": "90d",
    },
}
UNCLASSED: Final = {
    "name": "records",
    "zone": "clinical",
    "size": "1Gi",
    "accessModes": ["ReadWriteOnce"],
}
EBS: Final = {"provisioner": "ebs.csi.aws.com"}
STAGING: Final = {
    "environment": "staging",
    "zones[1].data": "synthetic",
}

SECRET: Final = {"name": "ehr-credentials", "zone": "clinical", "consumers": ["api"]}

ED25519: Final = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAj35HnGcjYkAW7nm3JIUHwAbGytqbd1Kkg4ka4+/dGN4=
-----END PUBLIC KEY-----
"""
P256: Final = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGbIVwKWF0hEsbzYVxB1hq8B9ArKT
j3A8TDXbMpmy2r37lTAX5PzdBeE+AY7o1CDax+M475XBXjawYF28ZWRx/A==
-----END PUBLIC KEY-----
"""
RELEASE_KEYS: Final = [
    {"name": "ci-2026", "publicKey": ED25519, "notAfter": "2026-12-31"},
    {"name": "ci-2027", "publicKey": P256},
]

LARGEST: Final[Changes] = {
    "zones": [
        {
            "name": f"{i:z<40}",
            "namespace": f"{i:n<63}",
            "data": "phi",
            "exposure": "public",
            "exposedPorts": [{"port": port} for port in range(1, 33)],
            "images": {
                "registries": [f"{j:r<100}.example/{'p' * 140}" for j in range(32)],
                "requireRelease": True,
                "releaseKeys": [
                    {"name": f"{j:k<40}", "publicKey": P256, "notAfter": "2027-06-30"}
                    for j in range(8)
                ],
                "promotedFrom": "development",
                "scanLimits": {"critical": 0, "high": 5, "maxDatabaseAge": "2160h"},
            },
            "serviceAccounts": [{"name": f"{j:s<63}"} for j in range(32)],
        }
        for i in range(24)
    ],
    "externals": [
        {
            "name": f"{i:e<40}",
            "kind": "other",
            "cidrs": [f"2001:db8:{i:x}:{j:x}:ffff:ffff:ffff:ff00/120" for j in range(1, 33)],
            "region": "us-west-2",
            "agreement": AGREEMENT,
        }
        for i in range(64)
    ],
    "flows": [
        {
            "from": {"zone": f"{i % 24:z<40}"},
            "to": {"external": f"{i % 64:e<40}"},
            "ports": [{"port": port, "endPort": 65535} for port in range(1, 33)],
            "purpose": "treatment",
        }
        for i in range(128)
    ],
    "secrets": [
        {
            "name": f"{i:c<253}",
            "zone": f"{i % 24:z<40}",
            "keys": [f"{j:k<253}" for j in range(32)],
            "consumers": [f"{j:s<63}" for j in range(26, 32)],
        }
        for i in range(48)
    ],
}
"""As many and as long values as there may be: its rules must not run out of their budget."""

ACCEPTED: Final[Mapping[str, Changes]] = {
    "the example": {},
    "the largest that there may be": LARGEST,
    "releases by keys that are rotated": {
        "zones[1].images": {
            "requireRelease": True,
            "releaseKeys": RELEASE_KEYS,
            "promotedFrom": "staging",
            "scanLimits": {"high": 3},
        }
    },
    "keys before they are required": {"zones[1].images": {"releaseKeys": RELEASE_KEYS}},
    "a key without its last line break": {
        "zones[1].images.releaseKeys": [{"name": "ci", "publicKey": P256.rstrip("\n")}]
    },
    "staging that is promoted from test": {
        **STAGING,
        "zones[1].images.promotedFrom": "test",
        "zones[0].images.promotedFrom": "development",
    },
    "secrets from every source": {
        "secrets": [
            {**SECRET, "source": {"externalSecret": {"store": "vault", "key": "portal/ehr"}}},
            {
                **SECRET,
                "name": "database",
                "source": {"vaultStaticSecret": {"mount": "kv", "path": "portal/db"}},
            },
            {
                **SECRET,
                "name": "api-key",
                "keys": ["key"],
                "source": {
                    "secretProviderClass": {
                        "provider": "aws",
                        "parameters": [{"name": "objects", "value": "- objectName: key"}],
                    }
                },
            },
            {
                "name": "portal-tls",
                "zone": "edge",
                "type": "kubernetes.io/tls",
                "minimumRemaining": "21d",
            },
            {"name": "ehr-credentials", "zone": "analytics", "onRotation": "Report"},
        ]
    },
    "secrets whose times are as short and as long as there may be": {
        "secrets": [
            {
                **SECRET,
                "name": f"secret{i}",
                "type": "kubernetes.io/tls",
                "maxAge": age,
                "minimumRemaining": left,
                "source": {"externalSecret": {"store": "a.b", "key": "~", "refreshInterval": ask}},
            }
            for i, (age, left, ask) in enumerate(
                [("1h", "1h", "1h"), ("1100d", "366d", "31d"), ("26400h", "8784h", "744h")]
            )
        ]
    },
    "no flows and no externals": {"flows": DROP, "externals": DROP},
    "empty flows and externals": {"flows": [], "externals": []},
    "null for what may be left out": {"flows": None, "residency": None, "zones[0].quota": None},
    "a duplicate flow": {"flows[3]": FLOW},
    "a duplicate port": {"flows[0].ports": [{"port": 8443}, {"port": 8443}]},
    "a port written as a float": {"flows[0].ports": [{"port": 8443.0, "endPort": 8444.0}]},
    "a range of one port": {"flows[0].ports": [{"port": 1, "endPort": 1, "protocol": "SCTP"}]},
    "the highest port": {"flows[0].ports": [{"port": 65535, "endPort": 65535}]},
    "a flow within one zone": {"flows[0].to.zone": "edge"},
    "an answer's direction: a lower class opens connections to PHI": {
        "flows[0].from.zone": "analytics"
    },
    "an external of a zone without PHI needs no agreement": {
        "externals[1]": SCANNER,
        "flows[3]": TO_SCANNER,
    },
    "all of the internet for a zone without PHI": {
        "externals[1]": {**SCANNER, "cidrs": ["0.0.0.0/0", "::/0"]},
        "flows[3]": TO_SCANNER,
    },
    "an external that no flow names": {"externals[1]": SCANNER},
    "an external that calls a PHI zone under an agreement": {
        "externals[1]": {**SCANNER, "agreement": AGREEMENT},
        "flows[3]": FROM_SCANNER,
    },
    "an external of kind ai under an agreement": {
        "externals[1]": {**SCANNER, "kind": "ai", "agreement": AGREEMENT}
    },
    "an external of a PHI zone without a region": {"externals[0].region": DROP},
    "an external abroad of a zone without PHI": {
        "externals[1]": {**SCANNER, "region": "eu-central-1"},
        "flows[3]": TO_SCANNER,
    },
    "a private network of the hospital": {"externals[0].cidrs": ["10.0.0.0/8", "fd12:3456::/32"]},
    "single addresses": {"externals[0].cidrs": ["203.0.113.7/32", "2001:DB8::7/128"]},
    "an agreement that ends on a leap day": {"externals[0].agreement.expires": "2028-02-29"},
    "a service account with dots": {"zones[0].serviceAccounts": [{"name": "web.v1"}]},
    "a registry on a port": {"zones[0].images.registries": ["registry:5000/a/b_c", "localhost/"]},
    "quotas as whole numbers": {"zones[1].quota": {"cpu": 8, "memory": 1073741824, "pods": 1}},
    "quotas as floats that are whole": {"zones[1].quota": {"cpu": 8.0, "pods": 5.0}},
    "quotas as fractions": {"zones[1].quota": {"cpu": "0.5", "memory": "1.5Gi"}},
    "quotas in thousandths and decimal bytes": {"zones[1].quota": {"cpu": "1m", "memory": "2M"}},
    "a contact of 253 letters of two bytes": {
        "owner.contact": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 253
    },
    "a workload and a zone of 40 characters, with a namespace of its own": {
        "metadata.name": "p" * 40,
        "zones[3]": {"name": "z" * 40, "data": "none", "namespace": "n" * 63},
    },
    "a non-production workload without PHI": STAGING,
    "a public zone without ports means all of them": {"zones[0].exposedPorts": DROP},
    "a volume with backups": {"volumes": [VOLUME]},
    "backups as often and as seldom as there may be": {
        "volumes": [
            {**VOLUME, "backup": {**VOLUME["backup"], "every": "1h", "restoreTestEvery": "24h"}},
            {
                **VOLUME,
                "name": "other",
                "backup": {"every": "744h", "snapshotClass": "a.b", "keep": 100},
            },
        ]
    },
    "as many volumes as there may be": {
        "volumes": [
            {
                **VOLUME,
                "name": f"{i:v<40}",
                "storageClassName": f"{'c' * 253}",
                "backup": {**VOLUME["backup"], "snapshotClass": "s" * 253},
            }
            for i in range(64)
        ]
    },
    "rollback that says nothing": {"rollback": {}},
    "null for how rollouts are taken back": {"rollback": None},
    "the least of rollback": {"rollback": {"keepRevisions": 2, "progressDeadline": "1m"}},
    "the most of rollback": {
        "rollback": {"keepRevisions": 50, "onFailedRollout": True, "progressDeadline": "24h"}
    },
    "a day in minutes": {"rollback": {"keepRevisions": 3.0, "progressDeadline": "1440m"}},
    "an empty list of ports without exposure": {"zones[1].exposedPorts": []},
    "an existing namespace to be taken over": {"zones[2].adopt": True},
}


def _of(**encryption: str) -> Changes:
    """Return a volume on encrypted storage that is made for it."""
    return {"volumes": [{**UNCLASSED, "encryption": {**EBS, **encryption}}]}


_NAMED: Final[Changes] = {"volumes": [{**UNCLASSED, "storageClassName": "fast"}]}

TRANSITIONS: Final = (
    Transition("a volume grown", _of(), {"volumes": [{**_of()["volumes"][0], "size": "2Gi"}]}),
    Transition(
        "a volume shrunk",
        _of(),
        {"volumes": [{**_of()["volumes"][0], "size": "1000Mi"}]},
        "spec.volumes[0].size",
        ("size cannot shrink",),
    ),
    Transition("a volume's key changed", _of(key="a"), _of(key="b"), "spec.volumes[0].encryption"),
    Transition("a volume's key dropped", _of(key="a"), _of(), "spec.volumes[0].encryption"),
    Transition("a class in place of encryption", _of(), _NAMED, "spec.volumes[0].encryption"),
    Transition("encryption in place of a class", _NAMED, _of(), "spec.volumes[0].encryption"),
    Transition("environment raised", STAGING, {}, "spec.environment", ("staging", "production")),
    Transition("environment lowered", {}, STAGING, "spec.environment", ("staging", "production")),
    Transition(
        "a zone's namespace changed",
        {},
        {"zones[1].namespace": "records"},
        "spec.zones",
        ("namespace of a zone cannot be changed", "clinical"),
    ),
    Transition(
        "a zone's namespace set to something else than its default",
        {},
        {"zones[2].namespace": "etl"},
        "spec.zones",
        ("namespace of a zone cannot be changed", "analytics"),
    ),
    Transition("a zone's default namespace spelled out", {}, {"zones[2].namespace": "$-analytics"}),
    Transition(
        "PHI lowered",
        {},
        {"zones[1].data": "deidentified"},
        "spec.zones[1].data",
        ("clinical cannot be lowered from phi to deidentified",),
    ),
    Transition(
        "PHI lowered under another zone's name",
        {},
        {
            "zones[1]": {"name": "app", "namespace": "$-clinical", "data": "none"},
            "flows": [],
            "secrets": [],
        },
        "spec.zones",
        ("cannot become a zone of a lower data class", "app"),
    ),
    Transition(
        "a zone that held PHI renamed, still PHI",
        {},
        {
            "zones[1]": {"name": "app", "namespace": "$-clinical", "data": "phi"},
            "flows": [],
            "secrets": [],
        },
    ),
    Transition("a zone raised to PHI", {}, {"zones[2].data": "phi"}),
    Transition("a zone removed", {}, {"zones[2]": DROP, "flows[2]": DROP}),
    Transition(
        "zones in another order",
        {},
        {
            "zones[0]": {"name": "new", "data": "none"},
            "flows[0]": {**FLOW, "from": {"zone": "analytics"}},
        },
    ),
    Transition("enforcement lowered", {}, {"enforcement": "observe"}),
    Transition("an external's ranges changed", {}, {"externals[0].cidrs": ["198.51.100.0/24"]}),
    Transition(
        "an agreement removed",
        {},
        {"externals[0].agreement": DROP},
        "spec.externals",
        ("PHI-DAT-003", "epic-fhir"),
    ),
)
"""In values, `$` stands for the name of the workload."""
