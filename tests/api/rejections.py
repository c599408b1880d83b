"""What the API server must reject: bad values, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .bad_values import bad_values
from .declarations import (
    AGREEMENT,
    DROP,
    EBS,
    FLOW,
    FROM_SCANNER,
    RELEASE_KEYS,
    SCANNER,
    SECRET,
    TO_SCANNER,
    UNCLASSED,
    Rejected,
)


def _volumes() -> Iterator[Rejected]:
    for what, fields, field, said in (
        ("a class and encryption", {"storageClassName": "fast", "encryption": EBS}, "", "either"),
        ("neither a class nor encryption", {}, "", "either"),
        (
            "a customer's key without a key",
            {"encryption": EBS, "customerManagedKey": True},
            ".encryption",
            "name it in encryption.key",
        ),
        (
            "a key for a driver that takes none",
            {"encryption": {"provisioner": "storage.csi.upcloud.com", "key": "k"}},
            ".encryption.key",
            "takes no key",
        ),
        (
            "a key of an Azure disk that is no set",
            {"encryption": {"provisioner": "disk.csi.azure.com", "key": "records"}},
            ".encryption.key",
            "/subscriptions/",
        ),
    ):
        changes = {"volumes": [{**UNCLASSED, **fields}]}
        yield Rejected(f"a volume with {what}", changes, f"spec.volumes[0]{field}", (said,))
    for what, encryption, field, said in (
        (
            "a driver that no class is made for",
            {"provisioner": "rbd.csi.ceph.com"},
            "provisioner",
            "ebs",
        ),
        ("a key with a space", {**EBS, "key": "a key"}, "key", "without spaces"),
    ):
        changes = {"volumes": [{**UNCLASSED, "encryption": encryption}]}
        path = f"spec.volumes[0].encryption.{field}"
        yield Rejected(f"encryption with {what}", changes, path, (said,), form=True)


def _contradictions() -> Iterator[Rejected]:
    for where in ("flows[0].from", "flows[0].to"):
        path = f"spec.{where}"
        one = ("exactly one of zone and external",)
        both = {"zone": "edge", "external": "epic-fhir"}
        yield Rejected(f"{where} names zone and external", {where: both}, path, one)
        yield Rejected(f"{where} names neither", {where: {}}, path, one)
        says = ("spec.zones does not declare", "clinicl")
        yield Rejected(f"{where} names no zone", {where: {"zone": "clinicl"}}, "spec.flows", says)
        says = ("spec.externals does not declare", "epic")
        changes = {where: {"external": "epic"}}
        yield Rejected(f"{where} names no external", changes, "spec.flows", says)
    says = ("real PHI", "PHI-DAT-001", "zone clinical")
    for stage in ("staging", "test", "development"):
        yield Rejected(f"PHI in {stage}", {"environment": stage}, "spec.zones", (*says, stage))
    says = ("needs an agreement (PHI-DAT-003)", "scanner")
    for what, flow in (
        ("to", {**TO_SCANNER, "from": {"zone": "clinical"}}),
        ("from", FROM_SCANNER),
    ):
        changes = {"externals[1]": SCANNER, "flows[3]": flow}
        yield Rejected(f"no agreement, {what} an external", changes, "spec.externals", says)
    for cidr in ("0.0.0.0/0", "64.0.0.0/7", "::/0", "2400::/15"):
        wide = {**SCANNER, "cidrs": ["203.0.113.0/24", cidr], "agreement": AGREEMENT}
        changes = {"externals[1]": wide, "flows[3]": FROM_SCANNER}
        says = ("/8 or narrower", "scanner")
        yield Rejected(f"{cidr} joined to PHI", changes, "spec.externals", says)


_SOURCES: Final = {
    "externalSecret": {"store": "vault", "key": "portal/ehr"},
    "vaultStaticSecret": {"mount": "kv", "path": "portal/ehr"},
    "secretProviderClass": {"provider": "aws"},
}


def _secrets() -> Iterator[Rejected]:
    one = ("exactly one of externalSecret, vaultStaticSecret, secretProviderClass",)
    for count in (0, 2, 3):
        source = dict(list(_SOURCES.items())[:count])
        changes = {"secrets": [{**SECRET, "keys": ["a"], "source": source}]}
        yield Rejected(f"a secret of {count} sources", changes, "spec.secrets[0].source", one)
    source = {"secretProviderClass": _SOURCES["secretProviderClass"]}
    for keys in ({}, {"keys": []}):
        yield Rejected(
            f"a secretProviderClass with {keys or 'no keys'}",
            {"secrets": [{**SECRET, **keys, "source": source}]},
            "spec.secrets[0].keys",
            ("a secretProviderClass needs keys",),
        )
    yield Rejected(
        "a secret of no zone",
        {"secrets": [{**SECRET, "zone": "clinicl", "consumers": []}]},
        "spec.secrets",
        ("a secret names a zone that spec.zones does not declare", "ehr-credentials in clinicl"),
    )
    says = ("consumers of a secret must be service accounts that its zone declares",)
    for account in ("web", "default", "nobody"):
        yield Rejected(
            f"a secret for {account}, which is no account of its zone",
            {"secrets": [{**SECRET, "consumers": ["api", account]}]},
            "spec.secrets",
            says,
        )
    for field, value in (("keys", "password"), ("consumers", "api")):
        changes = {"secrets": [{**SECRET, field: [value, value]}]}
        path = f"spec.secrets[0].{field}[1]"
        says = ("Duplicate", value)
        yield Rejected(f"one of {field} twice", changes, path, says, form=True)
    yield Rejected(
        "a secret twice in a zone",
        {"secrets": [SECRET, {**SECRET, "consumers": []}]},
        "spec.secrets[1]",
        ("Duplicate", "ehr-credentials"),
        form=True,
    )


def _releases() -> Iterator[Rejected]:
    for what, images in (
        ("without keys", {"requireRelease": True}),
        ("by no keys", {"requireRelease": True, "releaseKeys": []}),
    ):
        yield Rejected(
            f"releases that are required {what}",
            {"zones[1].images": images},
            "spec.zones[1].images.releaseKeys",
            ("requireRelease needs releaseKeys",),
        )
    for environment, promoted_from in (
        ("staging", "staging"),
        ("test", "staging"),
        ("test", "test"),
        ("development", "test"),
        ("development", "development"),
    ):
        changes = {
            "environment": environment,
            "zones[1].data": "synthetic",
            "zones[1].images.promotedFrom": promoted_from,
        }
        says = ("an environment before", environment, f"clinical ({promoted_from})")
        what = f"{environment} promoted from {promoted_from}"
        yield Rejected(what, changes, "spec.zones", says)
    yield Rejected(
        "a key twice",
        {"zones[1].images.releaseKeys": [RELEASE_KEYS[0], RELEASE_KEYS[0]]},
        "spec.zones[1].images.releaseKeys[1]",
        ("Duplicate", "ci-2026"),
        form=True,
    )


REJECTED: Final = (
    *bad_values(),
    *_contradictions(),
    *_volumes(),
    *_secrets(),
    *_releases(),
    Rejected("no zones", {"zones": []}, "spec.zones", ("at least 1 item",), form=True),
    Rejected("zones left out", {"zones": DROP}, "spec.zones", ("Required",), form=True),
    Rejected("no owner", {"owner": DROP}, "spec.owner", ("Required",), form=True),
    Rejected("no ports", {"flows[0].ports": []}, "spec.flows[0].ports", ("at least 1",), form=True),
    Rejected(
        "no cidrs",
        {"externals[0].cidrs": []},
        "spec.externals[0].cidrs",
        ("at least 1",),
        form=True,
    ),
    Rejected(
        "externals left out", {"externals": DROP}, "spec.flows", ("does not declare", "epic-fhir")
    ),
    Rejected(
        "a flow between externals",
        {"externals[1]": SCANNER, "flows[1]": {**FROM_SCANNER, "to": {"external": "epic-fhir"}}},
        "spec.flows[1]",
        ("must name a zone",),
    ),
    Rejected(
        "PHI to a lower class without a de-identifier",
        {"flows[2].deidentifiedBy": DROP},
        "spec.flows",
        ("deidentifiedBy (PHI-DAT-002)", "from clinical to analytics"),
    ),
    Rejected(
        "PHI to a zone without data without a de-identifier",
        {"flows[3]": {**FLOW, "from": {"zone": "clinical"}, "to": {"zone": "edge"}}},
        "spec.flows",
        ("from clinical to edge",),
    ),
    Rejected(
        "an ai without agreement",
        {"externals[1]": {**SCANNER, "kind": "ai"}},
        "spec.externals[1].agreement",
        ("scanner", "kind ai", "PHI-AI-001"),
    ),
    Rejected(
        "PHI joined to a system outside the declared regions",
        {"externals[0].region": "eu-central-1"},
        "spec.externals",
        ("spec.residency.regions", "epic-fhir in eu-central-1"),
    ),
    Rejected(
        "two zones on one namespace",
        {"zones[0].namespace": "portal-clinical"},
        "spec.zones",
        ("a namespace of its own", "edge (portal-clinical), clinical (portal-clinical)"),
    ),
    Rejected(
        "a namespace that is another zone's default",
        {"zones[0].namespace": "portal-analytics"},
        "spec.zones",
        ("a namespace of its own", "edge (portal-analytics)", "analytics (portal-analytics)"),
    ),
    Rejected(
        "names that are too long together",
        {"metadata.name": "p" * 40, "zones[3]": {"name": "z" * 40, "data": "none"}},
        "spec.zones",
        ("at most 63 characters", f"{'p' * 40}-{'z' * 40}"),
    ),
    Rejected(
        "a default namespace that is Kubernetes' own",
        {"metadata.name": "kube", "zones[3]": {"name": "system", "data": "none"}},
        "spec.zones",
        ("cannot be a zone", "kube-edge"),
    ),
    Rejected(
        "the service account default",
        {"zones[0].serviceAccounts": [{"name": "web"}, {"name": "default"}]},
        "spec.zones[0].serviceAccounts[1].name",
        ("'default' cannot be declared",),
    ),
    Rejected(
        "a service account with an empty part",
        {"zones[0].serviceAccounts": [{"name": "web..v1"}]},
        "spec.zones[0].serviceAccounts[0].name",
        ("each part between dots",),
        form=True,
    ),
    Rejected(
        "a service account twice",
        {"zones[0].serviceAccounts": [{"name": "web"}, {"name": "web", "apiAccess": True}]},
        "spec.zones[0].serviceAccounts[1]",
        ("Duplicate", "web"),
        form=True,
    ),
    Rejected(
        "a zone twice",
        {"zones[3]": {"name": "edge", "data": "none"}},
        "spec.zones[3]",
        ("Duplicate", "edge"),
        form=True,
    ),
    Rejected(
        "an external twice",
        {"externals[1]": {**SCANNER, "name": "epic-fhir"}},
        "spec.externals[1]",
        ("Duplicate", "epic-fhir"),
        form=True,
    ),
    Rejected(
        "ports of a zone that is exposed to nobody",
        {"zones[1].exposedPorts": [{"port": 8443}]},
        "spec.zones[1].exposedPorts",
        ("contradicts exposure none",),
    ),
    Rejected(
        "a region that no label can hold",
        {"residency.regions": ["us east 1"]},
        "spec.residency.regions[0]",
        ("must be a label value",),
        form=True,
    ),
    Rejected(
        "a yes that is a string",
        {"zones[0].adopt": "yes"},
        "spec.zones[0].adopt",
        ("boolean",),
        form=True,
    ),
    Rejected(
        "more zones than there may be",
        {"zones": [{"name": f"z{i}", "data": "none"} for i in range(25)]},
        "spec.zones",
        ("at most 24 items",),
        form=True,
    ),
)

BAD_NAMES: Final = {
    "portal.v1": "letters, digits and '-'",
    "Portal": "letters, digits and '-'",
    "p" * 41: "may not be more than 40",
}
"""Names of a PHIWorkload, and what is said of each."""
