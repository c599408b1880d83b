"""Services, routes, endpoints and NetworkPolicies."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from e2e.differential import texts
from e2e.differential.kinds import GATEWAY_API, kind_of, manifest
from e2e.differential.near import LABELLED, Body, Form, Values, options, subset
from phiwarden.rulebook.shapes import NETWORK_POLICY, SERVICE, Kind

_BALANCERS: Final = st.dictionaries(
    st.sampled_from(
        [
            "networking.gke.io/load-balancer-type",
            "service.beta.kubernetes.io/aws-load-balancer-internal",
            "service.beta.kubernetes.io/aws-load-balancer-scheme",
            "service.beta.kubernetes.io/azure-load-balancer-internal",
            "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol",
        ]
    ),
    st.sampled_from(["true", "Internal", "internal", "internet-facing", "false", "*", ""]),
    max_size=2,
)
_PORTS: Final = [{"port": 80}]
_ANNOTATED: Final = {"annotations": st.one_of(options(None, {}), _BALANCERS)}
_BALANCER: Final = {"type": "LoadBalancer", "selector": {"app": "app"}, "ports": _PORTS}
_SERVICES: Final = Form(
    SERVICE,
    manifest(SERVICE, {"spec": {"selector": {"app": "app"}, "ports": _PORTS}}),
    manifest(SERVICE, {"spec": _BALANCER}),
    [
        LABELLED,
        ("metadata", _ANNOTATED),
        ("spec", {"type": options(None, "", "ClusterIP", "NodePort", "LoadBalancer")}),
        (
            "",
            {"spec": st.just({"type": "ExternalName", "externalName": "portal.hospital.example"})},
        ),
        (
            "spec",
            {
                "externalIPs": options(None, [], ["203.0.113.9"], ["203.0.113.9", "2001:db8::1"]),
                "selector": options(None, {}, {"app": "other"}),
                "externalTrafficPolicy": options(None, "", "Cluster", "Local"),
            },
        ),
    ],
)
_STATUS: Final = Form(
    SERVICE,
    _SERVICES.good,
    _SERVICES.bad,
    [
        ("metadata", _ANNOTATED),
        ("status", {"loadBalancer": options({}, {"ingress": [{"ip": "203.0.113.9"}]})}),
    ],
    through="status",
)

_POLICY: Final = {"podSelector": {}, "policyTypes": ["Ingress"]}
_POLICIES: Final = Form(
    NETWORK_POLICY,
    manifest(NETWORK_POLICY, {"spec": _POLICY}),
    manifest(NETWORK_POLICY, {"spec": {**_POLICY, "ingress": [{}]}}),
    [
        LABELLED,
        ("spec", {"podSelector": options({"matchLabels": {"a": "b"}})}),
        ("spec", {"ingress": options([], [{}])}),
    ],
)


def _rule(host: str) -> Body:
    backend = {"service": {"name": "web", "port": {"number": 8443}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {**({"host": host} if host else {}), "http": {"paths": [path]}}


_HOSTS: Final = st.lists(texts.HOSTS, max_size=2)
_TLS: Final = st.lists(
    subset(("hosts", st.one_of(_HOSTS, st.none())), ("secretName", st.just("tls"))), max_size=2
)
_REDIRECTS: Final = st.dictionaries(
    st.sampled_from(
        [
            "nginx.ingress.kubernetes.io/ssl-redirect",
            "nginx.ingress.kubernetes.io/ssl-passthrough",
            "kubernetes.io/ingress.allow-http",
            "nginx.ingress.kubernetes.io/SSL-redirect",
        ]
    ),
    texts.FLAGS,
    max_size=2,
)
_INGRESS: Final = kind_of("Ingress")
_HOST: Final = "portal.hospital.example"
_INGRESSES: Final = Form(
    _INGRESS,
    manifest(_INGRESS, {"spec": {"tls": [{"hosts": [_HOST]}], "rules": [_rule(_HOST)]}}),
    manifest(_INGRESS, {"spec": {"rules": [_rule(_HOST)]}}),
    [
        LABELLED,
        ("metadata", {"annotations": st.one_of(options(None), _REDIRECTS)}),
        ("spec", {"tls": st.one_of(options(None, []), _TLS)}),
        (
            "spec",
            {"rules": st.one_of(options(None, []), st.lists(texts.HOSTS.map(_rule), max_size=3))},
        ),
        (
            "spec",
            {"defaultBackend": options({"service": {"name": "web", "port": {"number": 8443}}})},
        ),
    ],
)

_PROTOCOLS: Final = ("HTTPS", "TLS", "https", "HTTP", "TCP", "")
_LISTENERS: Final = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["web", "other"])},
        optional={"protocol": st.sampled_from(_PROTOCOLS), "port": st.just(443)},
    ),
    max_size=2,
)


def _gateway_form(kind: Kind) -> Form:
    """Return a kind of the Gateway API; only a Gateway's listeners are read."""
    spec: dict[str, Any] = {"rules": [{}]}
    worse: dict[str, Any] = {"rules": [{"name": "x"}]}
    edges: dict[str, Values] = {"rules": options([], [{"name": "y"}])}
    if kind.kind == "Gateway":
        spec = {"listeners": [{"name": "web", "protocol": "HTTPS", "port": 443}]}
        worse = {"listeners": [{"name": "web", "protocol": "HTTP", "port": 80}]}
        edges = {"listeners": st.one_of(options([]), _LISTENERS)}
    return Form(
        kind,
        manifest(kind, {"spec": spec}),
        manifest(kind, {"spec": worse}),
        [
            LABELLED,
            ("", {"spec": options({})}),
            ("spec", edges),
            ("metadata", {"annotations": st.one_of(options(None), _REDIRECTS)}),
        ],
    )


_SLICE: Final = kind_of("EndpointSlice")


def _slice_form(family: str, good: str, bad: str, addresses: Values) -> Form:
    """Return slices of one family of addresses, which is never changed."""
    few = st.lists(addresses, min_size=1, max_size=2)
    endpoint = st.fixed_dictionaries(
        {"addresses": few}, optional={"conditions": st.sampled_from([{}, {"ready": True}])}
    )
    return Form(
        _SLICE,
        manifest(_SLICE, {"addressType": family, "endpoints": [{"addresses": [good]}]}),
        manifest(_SLICE, {"addressType": family, "endpoints": [{"addresses": [bad]}]}),
        [
            LABELLED,
            ("", {"ports": options(None, [], [{"port": 443}])}),
            ("", {"endpoints": st.one_of(options(None, []), st.lists(endpoint, max_size=2))}),
            ("endpoints[]", {"addresses": st.one_of(few, options(None))}),
        ],
    )


_SLICES: Final = (
    _slice_form("IPv4", "203.0.113.7", "192.0.2.1", texts.ADDRESSES.filter(lambda a: ":" not in a)),
    _slice_form("IPv6", "2001:db8::1", "2001:db9::1", texts.ADDRESSES.filter(lambda a: ":" in a)),
    _slice_form("FQDN", "a.example", "collector.example", texts.HOSTS),
)

_OLD_ENDPOINTS: Final = kind_of("Endpoints")
_ADDRESSES: Final = st.lists(texts.ADDRESSES.map(lambda ip: {"ip": ip}), min_size=1, max_size=2)
_SUBSET: Final = st.fixed_dictionaries(
    {"ports": st.just([{"port": 443}])},
    optional={"addresses": _ADDRESSES, "notReadyAddresses": _ADDRESSES},
)
_OLD_SLICES: Final = Form(
    _OLD_ENDPOINTS,
    manifest(
        _OLD_ENDPOINTS,
        {"subsets": [{"addresses": [{"ip": "203.0.113.7"}], "ports": [{"port": 443}]}]},
    ),
    manifest(
        _OLD_ENDPOINTS,
        {"subsets": [{"notReadyAddresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 443}]}]},
    ),
    [LABELLED, ("", {"subsets": st.one_of(options(None, []), st.lists(_SUBSET, max_size=2))})],
)

NEW: Final = {
    "services": (_SERVICES,),
    "networkpolicies": (_POLICIES,),
    "routes": (_INGRESSES, *map(_gateway_form, GATEWAY_API)),
    "endpoints": (*_SLICES, _OLD_SLICES),
}
"""What is created, by the name of its subject."""

CHANGED: Final = {
    **NEW,
    "services": (_SERVICES, _STATUS),
    "endpoints": (_SLICES[0], _OLD_SLICES),
}
"""What is changed, by the name of its subject."""
