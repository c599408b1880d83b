"""Releases of the API: a good one, changes to it, and what becomes of each.

The tables hold in two places: the API server has to answer as they say
(e2e/test_releases.py), and reading a file must find the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from .declarations import DROP, Changes, Manifest, Rejected, _KubernetesLoader

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "releases" / "portal.yaml"

ENVELOPE: Final[dict[str, Any]] = {
    "payload": "e30=",
    "payloadType": "application/vnd.phiwarden.release.v1alpha1+json",
    "signatures": [{"keyid": "ab" * 32, "sig": "c2ln"}],
}


def unsigned() -> Manifest:
    """Return the example's PHIRelease, as kubectl reads it."""
    manifest: Manifest = yaml.load(EXAMPLE.read_text(encoding="utf-8"), Loader=_KubernetesLoader)
    return manifest


def portal_release() -> Manifest:
    """Return the same with an envelope that has the form of one."""
    manifest = unsigned()
    manifest["spec"]["envelope"] = ENVELOPE
    return manifest


IMAGE: Final = {
    "repository": "registry.hospital.example/portal/records",
    "digest": f"sha256:{'0' * 64}",
}
TEST: Final = {
    "name": "integration",
    "passed": True,
    "date": "2026-05-31T07:12:44Z",
    "digest": f"sha256:{'f' * 64}",
}

LARGEST: Final[Changes] = {
    "workload": "w" * 40,
    "version": "1" * 128,
    "images": [
        {"repository": f"{i:r<100}.example/{'p' * 144}", "digest": f"sha256:{i:0>64}"}
        for i in range(64)
    ],
    "scan.tool": "t" * 253,
    "scan.toolVersion": "v" * 253,
    "scan.counts": dict.fromkeys(("critical", "high", "medium", "low", "unknown"), 1_000_000),
    "sbom.location": f"https://{'s' * 504}",
    "tests": [{**TEST, "name": f"{i:n<253}", "link": f"https://{'l' * 504}"} for i in range(32)],
    "change": "c" * 253,
    "source": {"repository": "r" * 253, "commit": "a" * 64},
}
"""As many and as long values as there may be."""

ACCEPTED: Final[dict[str, Changes]] = {
    "the example": {},
    "the largest that there may be": LARGEST,
    "the largest envelope that there may be": {
        "envelope": {
            "payload": "A" * 96 * 1024,
            "payloadType": "t" * 253,
            "signatures": [{"keyid": "k" * 256, "sig": "A" * 1024}] * 8,
        }
    },
    "nothing promoted": {"promotedFrom": DROP},
    "a test that failed": {"tests[0].passed": False},
    "a commit of SHA-256": {"source.commit": "0a" * 32},
    "a registry on this machine": {"images[0].repository": "localhost/portal"},
    "a registry with a port": {"images[0].repository": "registry:5000/portal"},
    "a signature without a keyid": {"envelope.signatures[0].keyid": DROP},
    "a leap day": {"scan.databaseDate": "2028-02-29T23:59:59Z"},
    "a test with both kinds of evidence": {"tests[0].digest": f"sha256:{'f' * 64}"},
}

_HEX: Final = ("must be sha256: and 64 digits and lower-case letters a to f",)
_SECOND: Final = ("must be a second in UTC that exists",)
_REPOSITORY: Final = ("registry host with a repository path",)
_COMMIT: Final = ("must be a whole commit",)
_LINK: Final = ("must begin with https://",)
_PLAIN: Final = ("must be printable ASCII",)
_VERSION: Final = ("must be letters, digits",)

_DIGESTS: Final = (
    f"sha256:{'A' * 64}",
    f"sha256:{'a' * 63}G",
    f"SHA256:{'a' * 64}",
    f"sha512:{'a' * 64}",
    f"sha256:{'a' * 63}\n",
)
_TIMES: Final = (
    "2026-05-31T24:00:00Z",
    "2026-05-31T12:60:00Z",
    "2026-05-31T12:00:60Z",
    "2026-02-29T12:00:00Z",
    "2026-05-31t12:00:00z",
    "2026-05-31 12:00:00Z",
    "2026-05-31T12:00:00",
    "2026-05-31T12:00Z",
    "2026-05-31",
    "0000-00-00T00:00:00Z",
    "2026-05-31T12:00:0Z\n",
)
_REPOSITORIES: Final = (
    "registry.hospital.example",
    "portal/records",
    "https://registry.hospital.example/portal",
    "registry.hospital.example/portal:1.4.2",
    f"registry.hospital.example/portal@sha256:{'a' * 64}",
    "registry.hospital.example/Portal",
    "registry.hospital.example/portal/",
    "registry.hospital.example/portal\n",
    "registry.hospital.example/*",
)


def _single() -> list[tuple[str, object, tuple[str, ...]]]:
    return [
        *(("images[0].digest", digest, _HEX) for digest in _DIGESTS),
        ("images[0].digest", f"sha256:{'a' * 63}", ()),
        ("sbom.digest", f"sha256:{'B' * 64}", _HEX),
        ("tests[1].digest", f"sha256:{'B' * 64}", _HEX),
        *(("scan.databaseDate", time, _SECOND) for time in _TIMES),
        ("scan.databaseDate", "2026-05-31T12:00:00+02:00", ()),
        ("scan.databaseDate", "2026-05-31T12:00:00.5Z", ()),
        ("tests[0].date", "2026-06-31T12:00:00Z", _SECOND),
        *(("images[0].repository", where, _REPOSITORY) for where in _REPOSITORIES),
        ("images", [], ()),
        ("images", [IMAGE] * 65, ()),
        ("tests", [], ()),
        ("tests", [TEST] * 33, ()),
        ("promotedFrom", "production", ('"production"', "supported values")),
        ("promotedFrom", "Staging", ('"Staging"', "supported values")),
        ("sbom.format", "SPDX", ('"SPDX"', "supported values")),
        ("sbom.location", "http://a.example/sbom", _LINK),
        ("tests[0].link", "https://a.example/a report", _LINK),
        ("scan.counts.critical", -1, ("greater than or equal to 0",)),
        ("scan.counts.high", 1_000_001, ("less than or equal to 1000000",)),
        ("scan.counts.high", "0", ("integer",)),
        ("scan.counts.high", True, ("int",)),
        ("scan.counts.high", 0.5, ("int",)),
        ("tests[0].passed", "true", ("boolean",)),
        ("tests[0].passed", 1, ("boolean",)),
        ("version", "1.4.2 ", _VERSION),
        ("version", "-1", _VERSION),
        ("version", 1.4, ("string",)),
        ("workload", "Portal", ("lower-case letters",)),
        ("change", "CHG\u20112026", _PLAIN),
        ("change", " CHG", _PLAIN),
        ("change", "CHG\n", _PLAIN),
        ("scan.tool", "", ("at least 1",)),
        ("source.commit", "4F0E1D2C3B4A5968778695A4B3C2D1E0F9A8B7C6", _COMMIT),
        ("source.commit", "a" * 41, _COMMIT),
        ("source.commit", "4f0e1d2", ()),
        ("envelope.signatures", [], ()),
        ("envelope.signatures", [{"sig": "c2ln"}] * 9, ()),
        ("envelope.signatures[0].sig", "", ("at least 1",)),
        ("envelope.payload", "", ("at least 1",)),
        ("envelope.payload", "A" * (96 * 1024 + 1), ()),
    ]


_MISSING: Final = (
    "workload",
    "version",
    "images",
    "images[0].digest",
    "images[0].repository",
    "scan",
    "scan.tool",
    "scan.databaseDate",
    "scan.counts.critical",
    "scan.counts.unknown",
    "sbom",
    "sbom.digest",
    "tests",
    "tests[0].passed",
    "tests[0].date",
    "change",
    "source.commit",
    "envelope",
    "envelope.payload",
    "envelope.payloadType",
    "envelope.signatures",
    "envelope.signatures[0].sig",
)

REJECTED: Final = (
    *(
        Rejected(f"{field} {str(value)[:90]!r}", {field: value}, f"spec.{field}", says, form=True)
        for field, value, says in _single()
    ),
    *(
        Rejected(f"no {field}", {field: DROP}, f"spec.{field}", ("Required",), form=True)
        for field in _MISSING
    ),
    Rejected(
        "a test without evidence",
        {"tests[0].link": DROP},
        "spec.tests[0]",
        ("a test needs evidence",),
    ),
)
