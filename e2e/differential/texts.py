"""Texts near what the rules' regular expressions and comparisons look for."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from e2e.differential.near import Values
from phiwarden.rulebook.examples import DIGEST


def joined(*parts: str, most: int = 4) -> Values:
    """Return texts made of one to `most` of the parts."""
    return st.lists(st.sampled_from(parts), min_size=1, max_size=most).map("".join)


# What the API server lets through, and regular expressions may see otherwise: ends of lines,
# signs that a pattern treats apart, letters that have another case in one language alone.
_ODD: Final = (
    "", " ", "\n", "\r", "\t", "x", "=", "$", "$(X)", "$$", ":", "@", "/", "\u017f", "\u212a",
    "\u0131", "\u0130", "\u2028", "\u0085", "\u00a0", "\x0b", "\x0c", "\x1c", "\x7f", "\U0001f600",
    "e\u0301", "A", "1", "-", "_", ".", "<", "{", "%", "*", '"', "'", "\\", "\u200b",
)  # fmt: skip
_CREDENTIALS: Final = (
    "password", "PASSWORD", "pa\u017fsword", "to\u212aen", "token", "secret", "api_key",
    "ap\u0131-key", "access-key", "private_key", "credentials", "pwd", "--password=",
    "--db-password=", "-token=", "--x.api-key=", "://u:p@h", "://u:$(P)@h", "://:@", "postgres",
    "AKIAIOSFODNN7EXAMPLE", "A3TXAAAAAAAAAAAAAAAA", "ghp_0123456789abcdef0", "glpat-0123456789abcdef0",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN rsa PRIVATE KEY-----", "PRIVATE KEY-----",
)  # fmt: skip
TEXT: Final = joined(*_CREDENTIALS, *_ODD)

_NAME_PARTS: Final = tuple(
    text
    for text in (*_CREDENTIALS, *_ODD)
    if text and text.isascii() and text.isprintable() and "=" not in text
)
VARIABLES: Final = st.one_of(
    joined(*_NAME_PARTS, most=3),
    joined("log", "LOG", "_", "level", "LEVEL", "logging", ".", "verbosity", "x", "catalog"),
)  # fmt: skip
"""Names of environment variables that the API server takes."""

LEVEL_NAMES: Final = st.sampled_from(
    ["LOG_LEVEL", "PORTAL_LOGLEVEL", "LOGGING_LEVEL_ROOT", "logging.level.root", "LOG", "CATALOG", "LOG_FORMAT",
     "DEBUG", "app_debug", "Flask_Debug", "DJANGO_DEBUG", "DEBUGGER", "RUST_LOG", "rust_log"]
)  # fmt: skip
LEVELS: Final = st.sampled_from(
    ["debug", "DEBUG", "Trace", "all", "verbose", "FINEST", "info", "debug ", "debug\n", "debugging",
     "1", "true", "TRUE", "on", "yes", "*", "0", "false", "no", "info,portal=debug", "warn,trace=off",
     "\u0131nfo", "DEBU\u0261", "ve\u0280bose"]
)  # fmt: skip
SWITCHES: Final = st.one_of(
    st.sampled_from(["--debug", "--trace", "-debug", "--debug=true", "--verbose"]),
    joined("-", "--", "log", "LOG", "logging", "-level", "_level", ".level", ".root", "=debug", "=TRACE",
           "=info", "=all", "\n", "\u017f", " "),
)  # fmt: skip

IMAGES: Final = joined(
    "registry.hospital.example", "registry:5000", "ghcr.example/a/b", "/portal", "/portal-x", "/app",
    "/..", "//", "/.", ":1.0", ":5000", f"@{DIGEST}", f"@{DIGEST}", f"@{DIGEST}", f"@{DIGEST.upper()}",
    f"@{DIGEST[:-1]}", f"@{DIGEST}0", "@", "x", "nginx", "\n", " ", "\uff41", "_", "-",
    most=5,
)  # fmt: skip
NEAR_IMAGES: Final = st.sampled_from(
    [
        f"{start}{end}"
        for start in (
            "registry.hospital.example/portal", "registry.hospital.example/portal/app",
            "registry.hospital.example/portal-x/app", "registry.hospital.example.evil.example/portal/app",
            "registry.hospital.example:5000/portal/app", "registry:5000/app", "registry:50000/app",
            "ghcr.example/a/b", "ghcr.example/a/bc", "nginx", "REGISTRY.hospital.example/portal/app",
        )
        for end in (f"@{DIGEST}", f":1.0@{DIGEST}", ":1.0", "")
    ]
)  # fmt: skip

HOSTS: Final = st.sampled_from(
    ["", "portal.hospital.example", "*.hospital.example", "hospital.example", "a.portal.hospital.example",
     "portal.hospital.example.evil.example", "*.example", "xhospital.example", "portal", "*"]
)  # fmt: skip
FLAGS: Final = st.sampled_from(["true", "false", "True", "FALSE", "fal\u017fe", " false", "", "1"])

ADDRESSES: Final = st.sampled_from(
    ["203.0.113.0", "203.0.113.7", "203.0.113.255", "203.0.114.0", "203.0.112.255", "198.51.100.9",
     "198.51.100.8", "203.0.113.07", "203.0.113", "203.0.113.7.8", "203.0.113.7/24", "127.0.0.1", "0.0.0.0",
     "255.255.255.255", "2001:db8::", "2001:db8::1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1",
     "2001:0db8::0001", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "2001:db8::203.0.113.7",
     "::ffff:203.0.113.7", "::ffff:cb00:7107", "::203.0.113.7", "64:ff9b::203.0.113.7", "fe80::1", "fe80::1%eth0",
     "2001:db8::1%1", "::1", "::", "ff02::1", "2001:db8::g", "[2001:db8::1]", "collector.example", "", " 203.0.113.7"]
)  # fmt: skip
