"""What rules read of a container, at values near its edge."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from e2e.differential import secrets, texts
from e2e.differential.near import Edges, Values, options, subset

SELINUX: Final = subset(
    (
        "type",
        st.sampled_from(["", "spc_t", "container_t", "container_init_t", "container_engine_t"]),
    ),
    ("user", st.sampled_from(["", "system_u"])),
    ("role", st.sampled_from(["", "system_r"])),
    ("level", st.just("s0")),
)
SECCOMP: Final = options(
    None,
    {"type": "RuntimeDefault"},
    {"type": "Localhost", "localhostProfile": "a.json"},
    {"type": "Unconfined"},
)
APPARMOR: Final = options(
    None,
    {"type": "RuntimeDefault"},
    {"type": "Localhost", "localhostProfile": "a"},
    {"type": "Unconfined"},
)
WINDOWS: Final = options(
    {}, {"hostProcess": None}, {"hostProcess": False}, {"hostProcess": True}, {"runAsUserName": "x"}
)
SWITCH: Final = options(True, False, None)

_CAPABILITIES: Final = st.one_of(
    options(None, {}),
    subset(
        ("drop", st.lists(st.sampled_from(["ALL", "all", "NET_RAW"]), max_size=2)),
        ("add", st.lists(st.sampled_from(["NET_BIND_SERVICE", "SYS_ADMIN", "net_bind_service", "ALL"]), max_size=2)),
    ),
)  # fmt: skip
_HANDLER: Final = st.sampled_from(
    [
        {"httpGet": {"port": 80}},
        {"httpGet": {"port": "web", "host": ""}},
        {"httpGet": {"port": 80, "host": None}},
        {"httpGet": {"port": 80, "host": "10.0.0.1"}},
        {"tcpSocket": {"port": 80, "host": "x"}},
        {"tcpSocket": {"port": 80, "host": ""}},
        {"exec": {"command": ["true"]}},
        {"grpc": {"port": 80}},
    ]
)
_PROBE: Final = st.one_of(options(None), _HANDLER)
_SECURITY: Final = {
    "allowPrivilegeEscalation": SWITCH,
    "privileged": SWITCH,
    "capabilities": _CAPABILITIES,
    "runAsNonRoot": SWITCH,
    "runAsUser": options(0, 1, 1000, None),
    "seccompProfile": SECCOMP,
    "appArmorProfile": APPARMOR,
    "seLinuxOptions": SELINUX,
    "procMount": options("Default", "Unmasked", None),
    "readOnlyRootFilesystem": SWITCH,
    "windowsOptions": WINDOWS,
}
_QUANTITIES: Final = subset(
    ("cpu", st.sampled_from(["100m", 1, "0", "1e-3"])),
    ("memory", st.sampled_from(["128Mi", 134217728, "0"])),
    ("ephemeral-storage", st.just("1Gi")),
)
_RESOURCES: Final = st.one_of(
    options(None, {}),
    subset(("requests", _QUANTITIES), ("limits", _QUANTITIES)),
    subset(("requests", st.just({"cpu": "10m"})), ("limits", st.just({"memory": "1Gi"}))),
)
_ODD_ENTRIES: Final = st.one_of(
    st.fixed_dictionaries({"name": texts.VARIABLES}, optional={"value": texts.TEXT}),
    st.builds(
        lambda name: {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        texts.VARIABLES,
    ),
    st.builds(lambda name: {"name": name, "value": None}, texts.VARIABLES),
)
_CREDENTIALS: Final = st.builds(
    lambda name, value: {"name": name, "value": value},
    st.sampled_from(["DB_PASSWORD", "apiKey", "TOKEN_2", "PASSWORD_FILE", "xpwd", "DATABASE_URL"]),
    st.one_of(texts.TEXT, st.sampled_from(["", "$(X)", "$(X)y", "$$(X)", "$(X)$(Y)", "$(X"])),
)
_LEVELS: Final = st.builds(
    lambda name, value: {"name": name, "value": value},
    st.one_of(texts.LEVEL_NAMES, texts.VARIABLES),
    texts.LEVELS,
)


def _env(entries: Values) -> dict[str, Values]:
    return {"env": st.lists(entries, min_size=1, max_size=3)}


_WORDS: Final = st.lists(st.one_of(texts.TEXT, texts.SWITCHES), max_size=3)
_PORTS: Final = st.lists(
    st.sampled_from(
        [
            {"containerPort": 80},
            {"containerPort": 80, "hostPort": 80},
            {"containerPort": 81, "hostPort": 0},
            {"containerPort": 82, "hostPort": None},
        ]
    ),
    max_size=3,
    unique_by=lambda port: port["containerPort"],
)

_LINE: Final = {"args": _WORDS, "command": _WORDS}
_TEXTS: Final = (
    _LINE,
    *map(_env, (_ODD_ENTRIES, _CREDENTIALS, _LEVELS, secrets.VARIABLES)),
    {"env": options(None, [])},
)
_IMAGE: Final = {"image": st.one_of(texts.NEAR_IMAGES, texts.IMAGES)}
_REST: Final = {
    "securityContext": options({}, None),
    "envFrom": st.one_of(options([]), secrets.SOURCES),
    "stdin": SWITCH,
    "tty": SWITCH,
}
_NEEDS: Final = {"ports": _PORTS, "resources": _RESOURCES}
_PROBES: Final = {
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "lifecycle": subset(("preStop", _HANDLER), ("postStart", _HANDLER)),
}


_LASTING: Final = (*_TEXTS, _IMAGE, _REST, _NEEDS)


def edges(spec: str) -> Edges:
    """Return what is changed in the containers of `pods.good`; its pod spec stands at a path."""
    return [
        *((f"{spec}.containers[]", group) for group in (*_LASTING, _PROBES)),
        (f"{spec}.containers[].securityContext", _SECURITY),
        *((f"{spec}.initContainers[]", group) for group in _LASTING),
        (f"{spec}.initContainers[].securityContext", _SECURITY),
    ]


def image_edges(spec: str) -> Edges:
    """Return the same for images alone: of a container of a running pod nothing else is changed."""
    return [(f"{spec}.containers[]", _IMAGE), (f"{spec}.initContainers[]", _IMAGE)]


def debug_edges() -> Edges:
    """Return what is changed of an ephemeral container."""
    return [*(("", group) for group in (*_TEXTS, _IMAGE, _REST)), ("securityContext", _SECURITY)]
