"""Python's verdict against the API server's, on generated pods near the edge of compliance.

$PHIWARDEN_DIFFERENTIAL_EXAMPLES asks for more than the usual number of them.
"""

from __future__ import annotations

import copy
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2e import zones
from e2e.product import Product
from e2e.rest import MERGE, Rest, connect
from e2e.waiting import until
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Severity
from phiwarden.rulebook.shapes import POD_SHAPES, SERVICE, shape_of, template_of

Body = dict[str, Any]
EXAMPLES = int(os.environ.get("PHIWARDEN_DIFFERENTIAL_EXAMPLES", "1500"))
KINDS = [kind for shape in POD_SHAPES for kind in shape.kinds]
DIGEST = examples.DIGEST
BOUNDARIES = {
    "strict": examples.ZONE,
    "relaxed": replace(examples.ZONE, impact="administrative", exposure="internal"),
    "without patients": replace(
        examples.ZONE, impact="care-support", data="none", registries=("registry.hospital.example",)
    ),
    "calls the API": replace(
        examples.ZONE,
        exposure="public",
        regions=(),
        service_accounts=("app", "other"),
        api_access=("app",),
        registries=("registry.hospital.example/portal", "registry:5000", "ghcr.example/a/b"),
    ),
}
ABSENT: Any = object()


def options(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([ABSENT, *values])


# Odd bits of text that the API server lets through, and that regular expressions may see otherwise.
ODD = st.sampled_from(
    ["", " ", "\n", "\r", "\t", "x", "=", "$", "$(X)", "$$", ":", "@", "/", "\u017f", "\u212a", "\u0131", "\u0130",
     "\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\U0001f600", "e\u0301", "A", "1", "-", "_", "."]
)  # fmt: skip
WORDS = st.sampled_from(
    ["password", "PASSWORD", "pa\u017fsword", "to\u212aen", "token", "secret", "api_key", "apı-key", "access-key",
     "private_key", "credentials", "pwd", "--password=", "--db-password=", "-token=", "://u:p@h", "://u:$(P)@h",
     "://:@", "postgres", "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdef0", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0",
     "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN rsa PRIVATE KEY-----"]
)  # fmt: skip
TEXT = st.lists(st.one_of(WORDS, ODD), min_size=1, max_size=4).map("".join)
NAMES = st.lists(
    st.one_of(WORDS, ODD).filter(lambda t: t.isascii() and t.isprintable() and "=" not in t and t),
    min_size=1,
    max_size=3,
).map("".join)
IMAGES = st.lists(
    st.sampled_from(
        ["registry.hospital.example", "registry:5000", "ghcr.example/a/b", "/portal", "/portal-x", "/app", "/..",
         "//", "/.", ":1.0", ":5000", f"@{DIGEST}", f"@{DIGEST}", f"@{DIGEST.upper()}", f"@{DIGEST[:-1]}", "@", "x",
         "nginx", "\n", " ", "\uff41", "_", "-"]
    ),
    min_size=1,
    max_size=5,
).map("".join)  # fmt: skip
SELINUX = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["", "spc_t", "container_t", "container_engine_t"]),
        "user": st.sampled_from(["", "system_u"]),
        "role": st.sampled_from(["", "system_r"]),
        "level": st.just("s0"),
    },
)
SECCOMP = st.sampled_from(
    [
        {"type": "RuntimeDefault"},
        {"type": "Localhost", "localhostProfile": "a.json"},
        {"type": "Unconfined"},
    ]
)
APPARMOR = st.sampled_from(
    [
        {"type": "RuntimeDefault"},
        {"type": "Localhost", "localhostProfile": "a"},
        {"type": "Unconfined"},
    ]
)
WINDOWS = st.sampled_from(
    [{}, {"hostProcess": False}, {"hostProcess": True}, {"runAsUserName": "x"}]
)
CAPABILITIES = st.fixed_dictionaries(
    {},
    optional={
        "drop": st.lists(st.sampled_from(["ALL", "all", "NET_RAW"]), max_size=2),
        "add": st.lists(
            st.sampled_from(["NET_BIND_SERVICE", "SYS_ADMIN", "net_bind_service"]), max_size=2
        ),
    },
)
HANDLER = st.sampled_from(
    [
        {"httpGet": {"port": 80}},
        {"httpGet": {"port": 80, "host": ""}},
        {"httpGet": {"port": 80, "host": "10.0.0.1"}},
        {"tcpSocket": {"port": 80, "host": "x"}},
        {"tcpSocket": {"port": 80}},
        {"exec": {"command": ["true"]}},
    ]
)
CONTAINER_SECURITY: dict[str, st.SearchStrategy[Any]] = {
    "allowPrivilegeEscalation": options(True, False, None),
    "privileged": options(True, False, None),
    "capabilities": CAPABILITIES,
    "runAsNonRoot": options(True, False, None),
    "runAsUser": options(0, 1, 1000, None),
    "seccompProfile": SECCOMP,
    "appArmorProfile": APPARMOR,
    "seLinuxOptions": SELINUX,
    "procMount": options("Default", "Unmasked"),
    "readOnlyRootFilesystem": options(True, None),
    "windowsOptions": WINDOWS,
}
ENTRY = st.one_of(
    st.fixed_dictionaries({"name": NAMES, "value": TEXT}),
    st.fixed_dictionaries({"name": NAMES}),
    st.builds(
        lambda n: {"name": n, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, NAMES
    ),
)
CONTAINER: dict[str, st.SearchStrategy[Any]] = {
    "image": IMAGES,
    "env": st.lists(ENTRY, max_size=3),
    "envFrom": options([{"secretRef": {"name": "s"}}], []),
    "args": st.lists(TEXT, max_size=3),
    "command": st.lists(TEXT, max_size=2),
    "ports": st.lists(
        st.sampled_from([{"containerPort": 80}, {"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 0}]),
        max_size=2,
        unique_by=lambda port: port["containerPort"],
    ),
    "livenessProbe": HANDLER,
    "readinessProbe": HANDLER,
    "startupProbe": HANDLER,
    "lifecycle": st.fixed_dictionaries({}, optional={"preStop": HANDLER, "postStart": HANDLER}),
    "securityContext": options({}, None),
}  # fmt: skip
TERM = st.lists(
    st.sampled_from(
        [
            {"key": "topology.kubernetes.io/region", "operator": "In", "values": ["us-east-1"]},
            {
                "key": "topology.kubernetes.io/region",
                "operator": "In",
                "values": ["us-east-1", "x"],
            },
            {"key": "topology.kubernetes.io/region", "operator": "Exists"},
            {"key": "zone", "operator": "NotIn", "values": ["us-east-1"]},
        ]
    ),
    max_size=2,
).map(lambda found: {"matchExpressions": found} if found else {})
AFFINITY = st.lists(TERM, min_size=1, max_size=2).map(
    lambda terms: {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }
)
SOURCE = st.one_of(
    st.sampled_from([{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]),
    st.sampled_from(
        [ABSENT, "", "vault", "https://kubernetes.default.svc", "kubernetes.default"]
    ).map(
        lambda audience: {
            "serviceAccountToken": {
                "path": "token",
                **({} if audience is ABSENT else {"audience": audience}),
            }
        }
    ),
)
VOLUME = st.one_of(
    st.sampled_from(
        [{"emptyDir": {}}, {"hostPath": {"path": "/x"}}, {"secret": {"secretName": "s"}}]
    ),
    IMAGES.map(lambda image: {"image": {"reference": image}}),
    st.lists(SOURCE, min_size=1, max_size=1).map(
        lambda sources: {"projected": {"sources": sources}}
    ),
)
POD: dict[str, st.SearchStrategy[Any]] = {
    "serviceAccountName": options("app", "other", "default", ""),
    "serviceAccount": options("app", "other"),
    "automountServiceAccountToken": options(True, False, None),
    "hostNetwork": options(True, False),
    "hostPID": options(True, False),
    "hostIPC": options(True, False),
    "hostUsers": options(True, None),
    "nodeSelector": options({}, {"topology.kubernetes.io/region": "us-west-2"}, {"topology.kubernetes.io/region": "x"}, {"a": "b"}),
    "affinity": AFFINITY,
    "volumes": st.lists(VOLUME, max_size=3).map(
        lambda found: [{"name": f"v{i}", **volume} for i, volume in enumerate(found)]
    ),
    "securityContext": options({}, None),
}  # fmt: skip
POD_SECURITY: dict[str, st.SearchStrategy[Any]] = {
    "runAsNonRoot": options(True, False),
    "runAsUser": options(0, 1000),
    "seccompProfile": st.one_of(options(), SECCOMP),
    "appArmorProfile": APPARMOR,
    "seLinuxOptions": SELINUX,
    "sysctls": st.lists(
        st.sampled_from(["net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem", "kernel.msgmax"]),
        max_size=2,
        unique=True,
    ).map(lambda found: [{"name": name, "value": "1"} for name in found]),
    "windowsOptions": WINDOWS,
}
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["example.com/a", "b", "kubectl.kubernetes.io/last-applied-configuration"]),
    TEXT,
    max_size=2,
)


def _set(node: Body, key: str, value: Any) -> None:
    if value is ABSENT:
        node.pop(key, None)
    else:
        node[key] = value


@st.composite
def templates(draw: st.DrawFn) -> Body:
    """A compliant template with a few things changed, in any list of containers."""
    template = examples.pod_template(Example())
    pod = template["spec"]
    usual = pod["containers"][0]
    pod["containers"] += [
        {**copy.deepcopy(usual), "name": f"c{i}"} for i in range(draw(st.integers(0, 1)))
    ]
    for index in range(draw(st.integers(0, 2))):
        extra = {**copy.deepcopy(usual), "name": f"i{index}"}
        if draw(st.booleans()):
            extra["restartPolicy"] = "Always"
        pod.setdefault("initContainers", []).append(extra)
    for _ in range(draw(st.sampled_from([1, 2, 3, 4, 0]))):
        match draw(
            st.sampled_from(["pod", "pod security", "container", "security", "annotations"])
        ):
            case "pod":
                key = draw(st.sampled_from(sorted(POD)))
                _set(pod, key, draw(POD[key]))
            case "pod security":
                key = draw(st.sampled_from(sorted(POD_SECURITY)))
                if pod.get("securityContext") is None:
                    pod["securityContext"] = {}
                _set(pod["securityContext"], key, draw(POD_SECURITY[key]))
            case "annotations":
                template["metadata"]["annotations"] = draw(ANNOTATIONS)
            case where:
                container = draw(st.sampled_from(pod["containers"] + pod.get("initContainers", [])))
                fields = CONTAINER if where == "container" else CONTAINER_SECURITY
                key = draw(st.sampled_from(sorted(fields)))
                if where == "security" and container.get("securityContext") is None:
                    container["securityContext"] = {}
                _set(
                    container if where == "container" else container["securityContext"],
                    key,
                    draw(fields[key]),
                )
    return template  # fmt: skip


SERVICES = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("app")},
            optional={
                "annotations": st.dictionaries(
                    st.sampled_from(
                        [
                            "networking.gke.io/load-balancer-type",
                            "service.beta.kubernetes.io/aws-load-balancer-internal",
                            "service.beta.kubernetes.io/aws-load-balancer-scheme",
                            "service.beta.kubernetes.io/azure-load-balancer-internal",
                        ]
                    ),
                    st.sampled_from(["true", "Internal", "internal", "false", ""]),
                    max_size=2,
                )
            },
        ),
        "spec": st.fixed_dictionaries(
            {"ports": st.just([{"port": 80}])},
            optional={
                "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
                "externalIPs": st.sampled_from([[], ["203.0.113.9"]]),
                "selector": st.just({"app": "app"}),
            },
        ),
    }
).map(lambda body: {"apiVersion": "v1", "kind": "Service", **body})


@pytest.fixture(scope="module")
def engineer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def namespaces(product: Product, engineer: Rest) -> Iterator[dict[str, str]]:
    admin = connect(product.cluster.kubeconfig)
    # The API server adds a token's volume to a pod whose account does not say otherwise.
    silent = {"automountServiceAccountToken": False}
    bad = examples.manifest(KINDS[0], examples.pod_template(Example(pod={"hostPID": True})))
    made = {}

    def prepared(name: str) -> bool:
        accounts = f"{zones.CORE}/{name}/serviceaccounts"
        default = admin.request("PATCH", f"{accounts}/default", silent, content=MERGE)
        asked = engineer.create(collection(KINDS[0], name), bad, dry_run=True)
        return default.ok and asked.code == 403

    for title, boundary in BOUNDARIES.items():
        name = made[title] = zones.make(admin, zones.unique(boundary))
        admin.create(
            f"{zones.CORE}/{name}/serviceaccounts", {"metadata": {"name": "other"}, **silent}
        )
        until(lambda name=name: prepared(name), f"{name} is enforced")
    yield made
    for name in made.values():
        admin.delete(f"{zones.CORE}/{name}")


def by_python(obj: Body, boundary: ZoneBoundary) -> list[tuple[str, str]]:
    """Return (rule, path) of each denial, items by name."""
    shape = shape_of(obj["kind"])
    pod = ((template_of(shape, obj) or {}) if shape else {}).get("spec") or {}

    def named(match: re.Match[str]) -> str:
        return f"{match[1]}[{pod[match[1]][int(match[2])]['name']}]"

    return sorted(
        (failure.rule, re.sub(r"(\w+)\[(\d+)\]", named, failure.path))
        for failure in standard_judge().failures(obj, boundary)
        if failure.severity is Severity.DENY
    )


def by_api_server(message: str) -> list[tuple[str, str]]:
    """Return (rule, path) of each failure that a refusal lists."""
    _, _, listed = message.partition(" refuses this: ")
    found = [re.match(r"(PHI-[A-Z]+-\d+) (\S*): ", line) for line in listed.split(" | ")]
    assert all(found), message
    return sorted((match[1], match[2].removeprefix(".")) for match in found if match)


SEEN: Counter[str] = Counter()


def compare(engineer: Rest, path: str, obj: Body, boundary: ZoneBoundary) -> None:
    answer = engineer.create(path, obj, dry_run=True)
    expected = by_python(obj, boundary)
    SEEN[obj["kind"]] += 1
    if answer.ok:
        assert expected == [], obj
        SEEN["admitted"] += 1
    elif answer.code == 403 and not answer.message.endswith(" ..."):
        assert by_api_server(answer.message) == expected, obj
        SEEN["refused"] += 1
        SEEN.update(rule for rule, _ in expected)
    else:
        # The API server's own validation, or more failures than a message holds.
        assert answer.code == 422 or expected, answer.body
        SEEN["not compared"] += 1


BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@BOUNDED
@given(kind=st.sampled_from(KINDS), template=templates(), title=st.sampled_from(sorted(BOUNDARIES)))
def test_python_and_the_api_server_give_one_verdict_on_pods(
    engineer: Rest, namespaces: dict[str, str], kind: Any, template: Body, title: str
) -> None:
    obj = examples.manifest(kind, template)
    compare(engineer, collection(kind, namespaces[title]), obj, BOUNDARIES[title])


@settings(BOUNDED, max_examples=max(50, EXAMPLES // 8))
@given(obj=SERVICES, title=st.sampled_from(sorted(BOUNDARIES)))
def test_python_and_the_api_server_give_one_verdict_on_services(
    engineer: Rest, namespaces: dict[str, str], obj: Body, title: str
) -> None:
    compare(engineer, collection(SERVICE, namespaces[title]), obj, BOUNDARIES[title])


def test_the_generated_objects_were_worth_comparing() -> None:
    """Both verdicts are common, and every rule for pods and Services was broken."""
    if not (SEEN["Pod"] and SEEN["Service"]):
        pytest.skip("the comparison ran in another process")
    print(dict(SEEN))
    compared = SEEN["admitted"] + SEEN["refused"]
    assert min(SEEN["admitted"], SEEN["refused"]) > compared / 20
    assert SEEN["not compared"] < compared
    wanted = {
        rule.id
        for rule in standard_judge().rules
        if rule.reads is not None and rule.reads.value in ("pod", "service")
    }
    assert wanted <= set(SEEN)
