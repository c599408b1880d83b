"""Every way in which a pod reads a Secret, of names near those that a zone declares."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from e2e.differential.near import ABSENT, Body, Values, options

DECLARED: Final[dict[str, Any]] = {
    "secrets": ("db/app", "db/other", "s/app", "s/default", "tls/other", "tls-old/app"),
    "overdue_secrets": ("db", "tls-old"),
}
"""What a zone may know of secrets: several, two of them overdue."""

ALL_OVERDUE: Final[dict[str, Any]] = {
    "secrets": ("db/app", "s/app", "s/default", "s/other", "tls/app"),
    "overdue_secrets": ("db", "s", "tls", "undeclared"),
}
"""The same, each overdue, and one that nothing may read."""

NONE: Final[dict[str, Any]] = {"secrets": ()}
"""A zone that declares none."""

OLDER: Final[dict[str, Any]] = {"secrets": None}
"""A zone whose boundary an older version wrote."""

# Those that some zone declares come more often.
NAMES: Final = st.one_of(
    st.sampled_from(["db", "s", "tls-old"]),
    options("db", "s", "tls", "tls-old", "undeclared", "d", "db.", "app", ""),
)


def _named(field: str, name: Any, **more: Any) -> Body:
    return {**({} if name is ABSENT else {field: name}), **more}


_OPTIONAL: Final = st.sampled_from([{}, {"optional": True}, {"optional": False}])

VARIABLES: Final = st.one_of(
    st.builds(
        lambda name, more: {
            "name": "A",
            "valueFrom": {"secretKeyRef": _named("name", name, key="k", **more)},
        },
        NAMES,
        _OPTIONAL,
    ),
    NAMES.map(
        lambda name: {"name": "B", "valueFrom": {"configMapKeyRef": _named("name", name, key="k")}}
    ),
    st.just({"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
)
"""Entries of `env`."""

SOURCES: Final = st.lists(
    st.one_of(
        st.builds(
            lambda name, more: {"prefix": "P_", "secretRef": _named("name", name, **more)},
            NAMES,
            _OPTIONAL,
        ),
        NAMES.map(lambda name: {"configMapRef": _named("name", name)}),
    ),
    max_size=3,
)
"""Values of `envFrom`."""

_PROJECTED: Final = st.lists(
    st.one_of(
        st.builds(lambda name, more: {"secret": _named("name", name, **more)}, NAMES, _OPTIONAL),
        NAMES.map(lambda name: {"configMap": _named("name", name)}),
        st.just({"downwardAPI": {"items": []}}),
    ),
    max_size=3,
).map(lambda found: {"projected": {"sources": found}})
_ATTRIBUTES: Final = st.one_of(
    options(None, {}, {"SecretProviderClass": "db"}),
    NAMES.map(lambda name: _named("secretProviderClass", name)),
)


def _driven(driver: str, attributes: Any, login: Any) -> Body:
    csi: Body = {"driver": driver, "readOnly": True}
    if attributes is not ABSENT:
        csi["volumeAttributes"] = attributes
    if login is not None:
        csi["nodePublishSecretRef"] = _named("name", login)
    return {"csi": csi}


_DRIVERS: Final = st.sampled_from(["secrets-store.csi.k8s.io", "secrets-store.csi.k8s.io2", "s3.csi.example"])  # fmt: skip

VOLUMES: Final[Values] = st.one_of(
    st.builds(lambda name, more: {"secret": _named("secretName", name, **more)}, NAMES, _OPTIONAL),
    _PROJECTED,
    st.builds(_driven, _DRIVERS, _ATTRIBUTES, st.none() | NAMES),
)
"""Volumes, each without its name."""

PULLED: Final = st.one_of(
    options(None, []),
    st.lists(NAMES.map(lambda name: _named("name", name)), min_size=1, max_size=2),
)
"""Values of `imagePullSecrets`."""
