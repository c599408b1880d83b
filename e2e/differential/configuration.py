"""Rights, ConfigMaps, Secrets and revisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from e2e.differential import texts
from e2e.differential.kinds import kind_of, manifest
from e2e.differential.near import LABELLED, Body, Form, options

_RBAC: Final = "rbac.authorization.k8s.io"
_RULES: Final = st.lists(
    st.fixed_dictionaries(
        {
            "verbs": st.lists(
                st.sampled_from(["get", "list", "*", "bind", "escalate", "impersonate", "Bind", "get*"]),
                min_size=1,
                max_size=2,
            ),
            "apiGroups": st.lists(st.sampled_from(["", "apps", "*", _RBAC]), min_size=1, max_size=2),
            "resources": st.lists(
                st.sampled_from(
                    ["pods", "deployments", "secrets", "pods/exec", "pods/attach", "pods/portforward",
                     "pods/ephemeralcontainers", "pods/proxy", "services/proxy", "serviceaccounts/token",
                     "*", "*/exec", "pods/*", "Secrets", "secrets/x", " secrets", "pods/log"]
                ),
                min_size=1,
                max_size=2,
            ),
        },
        optional={"resourceNames": st.sampled_from([[], ["x"], ["*"]])},
    ),
    max_size=2,
)  # fmt: skip
_GOOD_RULE: Final = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}
_ROLE: Final = kind_of("Role")
_ROLES: Final = Form(
    _ROLE,
    manifest(_ROLE, {"rules": [_GOOD_RULE]}),
    manifest(_ROLE, {"rules": [{**_GOOD_RULE, "verbs": ["*"]}]}),
    [LABELLED, ("", {"rules": st.one_of(options(None, []), _RULES)})],
)

_NAMES: Final = st.one_of(
    texts.joined("system:", "authenticated", "unauthenticated", "anonymous", "serviceaccounts", ":", "portal", "x"),
    st.sampled_from(
        ["system:authenticated", "system:unauthenticated", "system:anonymous", "system:serviceaccounts",
         "system:serviceaccounts:default", "system:serviceaccount:default:app", "digital-health", "\u00e4",
         "system:serviceaccounts:" + "x" * 137, "system:serviceaccounts:" + "x" * 138]
    ),
)  # fmt: skip
_SUBJECTS: Final = st.lists(
    st.one_of(
        st.builds(
            lambda kind, name: {"apiGroup": _RBAC, "kind": kind, "name": name},
            st.sampled_from(["User", "Group"]),
            _NAMES,
        ),
        st.just({"kind": "ServiceAccount", "name": "app", "namespace": "default"}),
    ),
    max_size=2,
)


def _to(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": _RBAC, "kind": kind, "name": name}


_BINDING: Final = kind_of("RoleBinding")
_BINDINGS: Final = Form(
    _BINDING,
    manifest(_BINDING, {"roleRef": _to("ClusterRole", "view")}),
    manifest(
        _BINDING,
        {"roleRef": _to("ClusterRole", "view"), "subjects": [_to("Group", "system:authenticated")]},
    ),
    [
        LABELLED,
        ("", {"subjects": st.one_of(options(None, []), _SUBJECTS)}),
        (
            "",
            {
                "roleRef": st.builds(
                    _to,
                    st.sampled_from(["ClusterRole", "Role"]),
                    st.sampled_from(["view", "edit", "deployer", "cluster-admin", "View", "view2"]),
                )
            },
        ),
    ],
)

_LIMIT: Final = 65536
_KEYS: Final = st.one_of(
    st.sampled_from(
        ["password", "DB_PASSWORD", "db.password", "api-key", "api_key", "apikey", "Private-Key", "tls.key",
         "token.txt", "app.yaml", "_token", "passwords", "xpwd", "x.pwd", "CREDENTIAL", "x" * 160, "x" * 249 + ".pwd"]
    ),
    texts.joined("pass", "word", "pwd", "_", ".", "-", "token", "s", "API", "key", "access", "x"),
)  # fmt: skip
_ENTRIES: Final = st.one_of(
    texts.TEXT,
    st.sampled_from(
        ["", "hunter2", "$X", "{x}", "<x>", " $X", "hunter2\n", "x" * 512, "x" * 513, "\U0001f600" * 512,
         "\U0001f600" * 513, "e\u0301" * 256, "-----BEGIN EC PRIVATE KEY-----\nMIIE\n", "PRIVATE KEY----",
         "url = postgres://app:hunter2@db/portal", "postgres://app:$X@db", "postgres://app:%X@db", "a://b:\u00e4@c",
         "a://\u2028:b@c", "x\xa0://b:c@d", "export KEY=AKIAIOSFODNN7EXAMPLE", "xAKIAIOSFODNN7EXAMPLE",
         "\u00e4AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEX", "AKIAIOSFODNN7EXAMPLE\n", "ghp_0123456789abcdef",
         "ghp_0123456789abcde"]
    ),
    st.sampled_from(
        [f"{letter * (length - 9)}://u:p@h\n" for letter in "x\u00e4" for length in (_LIMIT, _LIMIT + 1)]
    ),
)  # fmt: skip
_MARKS: Final = options(
    None,
    {},
    {"phiwarden.dev/ai": ""},
    {"phiwarden.dev/ai": "prompt"},
    {"phiwarden.dev/ai": "prompt", "app.kubernetes.io/version": ""},
    {"phiwarden.dev/ai": "prompt", "app.kubernetes.io/version": "7"},
    {"phiwarden.dev/AI": "prompt"},
)
_CONFIG_MAP: Final = kind_of("ConfigMap")
_CONFIG_MAPS: Final = Form(
    _CONFIG_MAP,
    manifest(_CONFIG_MAP, {"data": {"LOG_LEVEL": "info"}}),
    manifest(_CONFIG_MAP, {"data": {"DB_PASSWORD": "hunter2"}}),
    [
        ("", {"data": st.one_of(options(None, {}), st.dictionaries(_KEYS, _ENTRIES, max_size=3))}),
        ("data", dict.fromkeys(["LOG_LEVEL", "DB_PASSWORD", "api-key"], _ENTRIES)),
        ("", {"immutable": options(None, True, False)}),
        ("metadata", {"labels": _MARKS, "annotations": options({"a": "b"})}),
        ("", {"binaryData": options(None, {}, {"password": "aHVudGVyMg=="})}),
    ],
)

_SECRET: Final = kind_of("Secret")
_ACCOUNT: Final = "kubernetes.io/service-account.name"
_TOKEN: Final = "kubernetes.io/service-account-token"
_TYPES: Final = options(None, "", "Opaque", f"{_TOKEN}s", "example.com/token")
_ACCOUNTS: Final = st.sampled_from(["app", "other", "App", ""]).map(lambda name: {_ACCOUNT: name})


def _secret(kind: str, account: str) -> Body:
    """Return a Secret of a type, with the annotation that names the account of a token."""
    return manifest(_SECRET, {"type": kind, "metadata": {"annotations": {_ACCOUNT: account}}})


_SECRETS: Final = Form(
    _SECRET,
    _secret("Opaque", "app"),
    _secret(_TOKEN, "other"),
    [
        LABELLED,
        ("", {"type": st.one_of(st.just(_TOKEN), _TYPES)}),
        ("metadata", {"annotations": st.one_of(_ACCOUNTS, options(None, {}))}),
    ],
)

_REVISION: Final = kind_of("ControllerRevision")
_OWNED: Final = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "x", "uid": "u"}]
_REVISIONS: Final = Form(
    _REVISION,
    manifest(_REVISION, {"revision": 1, "data": {}}),
    manifest(_REVISION, {"revision": 2, "data": {"spec": {}}}),
    [
        ("metadata", {"labels": options({"team": "x"}), "ownerReferences": options([], _OWNED)}),
        ("metadata", {"annotations": options({"a": "b"})}),
        ("", {"revision": st.sampled_from([2, 0])}),
    ],
)

CHANGED: Final = {
    "access": (_ROLES, _BINDINGS),
    "configmaps": (_CONFIG_MAPS,),
    "secrets": (_SECRETS,),
    "revisions": (_REVISIONS,),
}
"""What is changed, by the name of its subject."""

NEW: Final = {**CHANGED, "secrets": (_SECRETS, replace(_SECRETS, good=_secret(_TOKEN, "app")))}
"""What is created, by the name of its subject."""
