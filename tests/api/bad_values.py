"""Single values that the API server must reject, and parsing too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .declarations import ED25519, P256, SECRET, VOLUME, Rejected

_REGISTRY = ("registry host", "no scheme")
_NETWORK = ("must be a network address",)
_DAY = ("must be a full date that exists",)
_LABEL = ("lower-case letters, digits and '-'",)
_CORES = ("must be a number of cores",)
_BYTES = ("must be a number of bytes",)

CIDRS: Final = {
    "nonsense": _NETWORK,
    "": (),
    "203.0.113.7": _NETWORK,
    "203.0.113.7/24": ("no bits set beyond its prefix length",),
    "2001:db8::1/32": ("no bits set beyond its prefix length",),
    "203.0.113.0/33": _NETWORK,
    "203.0.113.0/255.255.255.0": _NETWORK,
    "203.0.113.0/024": _NETWORK,
    "203.0.0113.0/24": _NETWORK,
    "203.0.113.0/24\n": _NETWORK,
    " 203.0.113.0/24": _NETWORK,
    "::ffff:203.0.113.0/120": _NETWORK,
    "fe80::%eth0/64": _NETWORK,
    "epic.example/24": _NETWORK,
    "169.254.169.254/32": ("169.254.0.0/16", "hand out credentials"),
    "169.0.0.0/8": ("169.254.0.0/16",),
    "fd00:ec2::254/128": ("fd00:ec2::/32", "hands out credentials"),
    "fc00::/7": ("fd00:ec2::/32",),
    "fe80::/64": ("fe80::/10",),
    "127.0.0.1/32": ("127.0.0.0/8", "the pod itself"),
    "::1/128": ("::1/128",),
    "::/128": ("::/128",),
    "0.0.0.0/32": ("0.0.0.0/8",),
    "224.0.0.0/4": ("multicast",),
    "255.255.255.255/32": ("240.0.0.0/4",),
    "ff02::/16": ("multicast",),
}

REGISTRIES: Final = (
    "https://registry.hospital.example",
    "Registry.hospital.example",
    "registry.hospital.example/Portal",
    "registry.hospital.example/portal:v1",
    "registry.hospital.example/portal@sha256",
    "registry.hospital.example//portal",
    "/portal",
    "registry.hospital.example/*",
    "*",
    "nginx",
    "library/nginx",
    "a.example,b.example",
    "a..example",
    "registry.hospital.example\n",
)

QUOTAS: Final = (
    ("cpu", "0", ("must be more than 0",)),
    ("cpu", 0, ("must be more than 0",)),
    ("cpu", "0m", ("must be more than 0",)),
    ("cpu", "0.000", ("must be more than 0",)),
    ("cpu", "8Gi", _CORES),
    ("cpu", "eight", _CORES),
    ("cpu", "-1", _CORES),
    ("cpu", "1e3", _CORES),
    ("cpu", "0.0001", _CORES),
    ("cpu", "", _CORES),
    ("cpu", "8\n", _CORES),
    ("cpu", 0.5, ()),
    ("cpu", True, ()),
    ("memory", "0", ("must be 1Mi or more",)),
    ("memory", "512", ("must be 1Mi or more",)),
    ("memory", "512m", _BYTES),
    ("memory", "16GB", _BYTES),
    ("memory", "16gi", _BYTES),
    ("memory", "16 Gi", _BYTES),
    ("memory", -5, _BYTES),
    ("pods", 0, ("greater than or equal to 1",)),
    ("pods", 100_001, ("less than or equal to 100000",)),
    ("pods", "50", ("integer",)),
)

DAYS: Final = (
    "2027-06-31",
    "2027-02-29",
    "2100-02-29",
    "2027-13-01",
    "2027-00-10",
    "2027-06",
    "2027-6-30",
    "30.06.2027",
    "1999-12-31",
    "2200-01-01",
    "0000-00-00",
    "next year",
    "",
    "2027-06-3\n",
)

PORTS: Final = (
    ({"port": 0}, "port", "greater than or equal to 1"),
    ({"port": -1}, "port", "greater than or equal to 1"),
    ({"port": 65536}, "port", "less than or equal to 65535"),
    ({"port": "8443"}, "port", "integer"),
    ({"port": 8443.5}, "port", "int"),
    ({"port": True}, "port", "int"),
    ({"endPort": 9000}, "port", "Required"),
    ({"port": 8443, "endPort": 8442}, "endPort", "must not be lower than port"),
    ({"port": 8443, "endPort": 65536}, "endPort", "less than or equal to 65535"),
    ({"port": 8443, "protocol": "tcp"}, "protocol", "TCP"),
)

_SPAN = ("must be a whole number of hours or days",)
BACKUPS: Final = (
    *(("every", text, _SPAN) for text in ("24", "1.5h", "0h", "-1h", "24H", "1h30m", "2w", "01d")),
    ("every", "h", ("at least 2",)),
    ("every", "744d", ("between 1h and 31d",)),
    ("every", "32d", ("between 1h and 31d",)),
    ("every", "745h", ("between 1h and 31d",)),
    ("restoreTestEvery", "23h", ("between 1d and 366d",)),
    ("restoreTestEvery", "367d", ("between 1d and 366d",)),
    ("restoreTestEvery", "quarterly", ("may not be more than 6",)),
    ("keep", 0, ("greater than or equal to 1",)),
    ("keep", 101, ("less than or equal to 100",)),
    ("snapshotClass", "Encrypted_Snapshots", ("each part between dots",)),
    ("snapshotClass", "", ("at least 1",)),
)

_SHORT_SPAN: Final = ("must be a whole number of minutes or hours",)
_DEADLINE: Final = ("between 1m and 24h",)
ROLLBACKS: Final = (
    ("keepRevisions", 1, ("greater than or equal to 2",)),
    ("keepRevisions", 0, ("greater than or equal to 2",)),
    ("keepRevisions", -3, ("greater than or equal to 2",)),
    ("keepRevisions", 51, ("less than or equal to 50",)),
    ("keepRevisions", "5", ("integer",)),
    ("keepRevisions", 2.5, ("int",)),
    ("onFailedRollout", "yes", ("boolean",)),
    ("onFailedRollout", 1, ("boolean",)),
    *(("progressDeadline", text, _DEADLINE) for text in ("1441m", "25h", "99999m", "99999h")),
    *(
        ("progressDeadline", text, _SHORT_SPAN)
        for text in ("10", "0m", "-1m", "1.5h", "010m", "10M", "1h30m", "1d", "600s", "10m\n")
    ),
    ("progressDeadline", "", ("at least 2",)),
    ("progressDeadline", "ten minutes", ("may not be more than 6",)),
    ("progressDeadline", 10, ("string",)),
)

_SPANS: Final = ("90", "0d", "1w", "1.5d", "-1d", "090d", "90D", "1 d")
_AGES: Final = ("between 1h and 1100d",)
_STORE: Final = {"store": "vault", "key": "portal/ehr"}
_VAULT: Final = {"mount": "kv", "path": "portal/ehr"}
_CLASS: Final = {"provider": "aws", "parameters": [{"name": "objects", "value": "- a"}]}
_TLS: Final = {"type": "kubernetes.io/tls"}
_KEY = ("letters, digits, '-', '_' and '.'",)
_PLACE = ("printable, without white space",)
SECRETS: Final[tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...]] = (
    *(("maxAge", {"maxAge": span}, _SPAN) for span in _SPANS),
    ("maxAge", {"maxAge": "d"}, ("at least 2",)),
    ("maxAge", {"maxAge": "ninety days"}, ("may not be more than 6",)),
    *(("maxAge", {"maxAge": span}, _AGES) for span in ("1101d", "26401h", "99999d")),
    *(("minimumRemaining", {**_TLS, "minimumRemaining": s}, _SPAN) for s in ("21", "0h", "3w")),
    ("minimumRemaining", {**_TLS, "minimumRemaining": "367d"}, ("between 1h and 366d",)),
    ("minimumRemaining", {**_TLS, "minimumRemaining": "8785h"}, ("between 1h and 366d",)),
    ("minimumRemaining", {"minimumRemaining": "21d"}, ("type must be kubernetes.io/tls",)),
    (
        "minimumRemaining",
        {"type": "Opaque", "minimumRemaining": "21d"},
        ("type must be kubernetes.io/tls",),
    ),
    *(("keys[0]", {"keys": [key]}, _KEY) for key in ("a key", "key\n", "a/b", "cl\u00e9", "a,b")),
    ("keys[0]", {"keys": [""]}, ("at least 1",)),
    ("keys", {"keys": [f"key-{i}" for i in range(33)]}, ("at most 32 items",)),
    ("consumers", {"consumers": [f"api{i}" for i in range(7)]}, ("at most 6 items",)),
    *(
        ("type", {"type": kind}, ("must be the type of a Secret",))
        for kind in ("my type", "a,b", "a=b", "Opaque\n")
    ),
    ("name", {"name": "EHR"}, ("each part between dots",)),
    ("onRotation", {"onRotation": "restart"}, ('"restart"', "supported values")),
    *(
        (
            "source.externalSecret.key",
            {"source": {"externalSecret": {**_STORE, "key": key}}},
            _PLACE,
        )
        for key in ("portal/ehr key", "portal\t", "portal\n", "\u00e9")
    ),
    (
        "source.externalSecret.store",
        {"source": {"externalSecret": {**_STORE, "store": "the vault"}}},
        ("each part between dots",),
    ),
    (
        "source.externalSecret.storeKind",
        {"source": {"externalSecret": {**_STORE, "storeKind": "Store"}}},
        ('"Store"', "supported values"),
    ),
    *(
        (
            "source.externalSecret.refreshInterval",
            {"source": {"externalSecret": {**_STORE, "refreshInterval": span}}},
            ("between 1h and 31d",),
        )
        for span in ("32d", "745h")
    ),
    (
        "source.externalSecret.refreshInterval",
        {"source": {"externalSecret": {**_STORE, "refreshInterval": "0h"}}},
        _SPAN,
    ),
    (
        "source.vaultStaticSecret.path",
        {"source": {"vaultStaticSecret": {**_VAULT, "path": "portal ehr"}}},
        _PLACE,
    ),
    (
        "source.vaultStaticSecret.mount",
        {"source": {"vaultStaticSecret": {**_VAULT, "mount": ""}}},
        ("at least 1",),
    ),
    (
        "source.vaultStaticSecret.refreshAfter",
        {"source": {"vaultStaticSecret": {**_VAULT, "refreshAfter": "32d"}}},
        ("between 1h and 31d",),
    ),
    (
        "source.vaultStaticSecret.engine",
        {"source": {"vaultStaticSecret": {**_VAULT, "engine": "kv"}}},
        ('"kv"', "supported values"),
    ),
    (
        "source.secretProviderClass.provider",
        {"keys": ["a"], "source": {"secretProviderClass": {**_CLASS, "provider": "a w s"}}},
        _KEY,
    ),
)

_PEM: Final = ("must be a public key in PEM, Ed25519 or ECDSA P-256",)
_LINES: Final = tuple(ED25519.splitlines())
PUBLIC_KEYS: Final = {
    "nothing": "",
    "its base64 alone": _LINES[1],
    "one line": " ".join(_LINES),
    "an indented one": ED25519.replace("\n", "\n  "),
    "a CRLF one": ED25519.replace("\n", "\r\n"),
    "words around it": f"key:\n{ED25519}",
    "two keys": ED25519 + P256,
    "one that was cut off": ED25519.replace("4=", "="),
    "bits that stand for nothing": ED25519.replace("4=", "5="),
    "one of another kind": ED25519.replace("MCowBQYDK2VwAyEA", "MCowBQYDK2VuAyEA"),
    "one of P-384": P256.replace("KoZIzj0DAQcDQgAE", "KoZIzj0DAQcDQgAD"),
    "a P-256 one on one line": P256.replace("\n", "", 2).replace("KEY-----M", "KEY-----\nM"),
    "a certificate": ED25519.replace("PUBLIC KEY", "CERTIFICATE"),
    "a private key": ED25519.replace("PUBLIC", "PRIVATE"),
    "a long one": "x" * 1025,
}

SCAN_LIMITS: Final = (
    ("critical", -1, ("greater than or equal to 0",)),
    ("high", 1_000_001, ("less than or equal to 1000000",)),
    ("high", "5", ("integer",)),
    ("high", 2.5, ("int",)),
    ("maxDatabaseAge", "91d", ("between 1h and 90d",)),
    ("maxDatabaseAge", "2161h", ("between 1h and 90d",)),
    ("maxDatabaseAge", "0d", _SPAN),
    ("maxDatabaseAge", "a week", _SPAN),
    ("maxDatabaseAge", 7, ("string",)),
)

ENUMS: Final = {
    "environment": "prod",
    "clinicalImpact": "high",
    "enforcement": "deny",
    "deletionPolicy": "delete",
    "zones[0].data": "PHI",
    "zones[0].exposure": "internet",
    "zones[0].images.promotedFrom": "production",
    "flows[0].purpose": "billing",
    "externals[0].kind": "llm",
    "externals[0].agreement.type": "NDA",
}


def _bad_images() -> Iterator[Rejected]:
    for registry in REGISTRIES:
        where, path = "zones[0].images.registries", "spec.zones[0].images.registries[0]"
        yield Rejected(f"registry {registry!r}", {where: [registry]}, path, _REGISTRY, form=True)
    for what, text in PUBLIC_KEYS.items():
        says = _PEM if 0 < len(text) <= 1024 else ()
        changes = {"zones[0].images": {"releaseKeys": [{"name": "ci", "publicKey": text}]}}
        path = "spec.zones[0].images.releaseKeys[0].publicKey"
        yield Rejected(f"a key that is {what}", changes, path, says, form=True)
    for field, value, words in SCAN_LIMITS:
        changes = {"zones[0].images": {"scanLimits": {field: value}}}
        path = f"spec.zones[0].images.scanLimits.{field}"
        yield Rejected(f"scan limit {field} {value!r}", changes, path, words, form=True)


def bad_values() -> Iterator[Rejected]:
    """Return every bad value at a place where it would stand."""
    for cidr, says in CIDRS.items():
        path = "spec.externals[0].cidrs[0]"
        yield Rejected(f"cidr {cidr!r}", {"externals[0].cidrs": [cidr]}, path, says, form=True)
    for name, value, says in QUOTAS:
        path = f"spec.zones[1].quota.{name}"
        what = f"quota of {name} {value!r}"
        yield Rejected(what, {"zones[1].quota": {name: value}}, path, says, form=True)
    for day in DAYS:
        path = "externals[0].agreement.expires"
        says = _DAY if len(day) <= len("2027-06-30") else ()
        yield Rejected(f"expiry {day!r}", {path: day}, f"spec.{path}", says, form=True)
    for port, field, words in PORTS:
        path = f"spec.flows[0].ports[0].{field}"
        yield Rejected(f"port {port}", {"flows[0].ports": [port]}, path, (words,), form=True)
    for field, value, words in BACKUPS:
        backup = {**VOLUME["backup"], field: value}
        changes = {"volumes": [{**VOLUME, "backup": backup}]}
        path = f"spec.volumes[0].backup.{field}"
        yield Rejected(f"backup {field} {value!r}", changes, path, words, form=True)
    for field, value, words in ROLLBACKS:
        path = f"spec.rollback.{field}"
        changes = {"rollback": {field: value}}
        yield Rejected(f"rollback {field} {value!r}", changes, path, words, form=True)
    for field, values, words in SECRETS:
        changes = {"secrets": [{**SECRET, **values}]}
        path = f"spec.secrets[0].{field}"
        yield Rejected(f"secret {values}", changes, path, words, form=True)
    yield from _bad_images()
    for where, word in ENUMS.items():
        says = (f'"{word}"', "supported values")
        yield Rejected(f"{where} {word}", {where: word}, f"spec.{where}", says, form=True)
    for name in ("Edge", "edge_1", "-edge", "edge\n", "edge.a"):
        path = "spec.zones[0].name"
        yield Rejected(f"zone name {name!r}", {"zones[0].name": name}, path, _LABEL, form=True)
        path = "spec.zones[2].namespace"
        changes = {"zones[2].namespace": name}
        yield Rejected(f"namespace {name!r}", changes, path, _LABEL, form=True)
    for namespace in ("default", "kube-system", "kube-public", "phiwarden-system"):
        path = "spec.zones[2].namespace"
        changes = {"zones[2].namespace": namespace}
        says = (namespace, "cannot be a zone")
        yield Rejected(f"namespace {namespace}", changes, path, says, form=True)
