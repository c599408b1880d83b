"""Keys: which are taken, what is said of the rest, and that a private one is never shown."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import TypeAdapter, ValidationError

from phiwarden.api.images import Images, PublicKeyText
from phiwarden.releases.keys import PassphraseNeeded, UnreadableKey, public_key, signing_key

from .made import key, off_curve, private, private_pem, public_pem, signer

BOTH = pytest.mark.parametrize("name", ["ci", "ci-p256"])
OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@BOTH
def test_what_a_key_signs_it_verifies_and_no_other_does(name: str) -> None:
    signature = signer(name).sign(b"message")
    assert key(name).verifies(b"message", signature)
    assert not key(name).verifies(b"messagf", signature)
    assert not key("other").verifies(b"message", signature)
    assert not key("other-p256").verifies(b"message", signature)


@BOTH
@pytest.mark.parametrize(
    "signature", [b"", b"\0", b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"\0" * 200]
)
def test_what_is_no_signature_is_none_of_any_kind_of_key(name: str, signature: bytes) -> None:
    assert not key(name).verifies(b"message", signature)


def test_ecdsa_is_verified_in_both_of_its_forms() -> None:
    signature = signer("ci-p256").sign(b"message")
    r, s = decode_dss_signature(signature)
    assert key("ci-p256").verifies(b"message", r.to_bytes(32) + s.to_bytes(32))


@BOTH
def test_a_key_is_named_by_the_digest_of_its_der(name: str) -> None:
    der = base64.b64decode("".join(public_pem(private(name)).splitlines()[1:-1]))
    assert key(name).id == signer(name).id == hashlib.sha256(der).hexdigest()


@BOTH
def test_the_text_of_a_key_has_the_one_form_that_a_declaration_takes(name: str) -> None:
    for text in (public_pem(private(name)), public_pem(private(name)).rstrip("\n")):
        assert TypeAdapter(PublicKeyText).validate_python(text) == text


OTHERS: dict[str, Any] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_key_of_another_kind_is_refused_by_its_kind(kind: str) -> None:
    other = OTHERS[kind]()
    with pytest.raises(
        UnreadableKey, match=rf"\({'ECDSA ' if kind[0] == 's' else ''}{kind}\).*Ed25519 or"
    ):
        public_key("k", public_pem(other))
    with pytest.raises(UnreadableKey, match="of another kind"):
        signing_key(private_pem(other))
    with pytest.raises(ValidationError, match="Ed25519 or ECDSA P-256"):
        TypeAdapter(PublicKeyText).validate_python(public_pem(other))


def test_a_point_that_is_not_on_the_curve_is_told_by_nobody_but_here() -> None:
    assert TypeAdapter(PublicKeyText).validate_python(off_curve())
    with pytest.raises(UnreadableKey, match="cut off or altered"):
        public_key("k", off_curve())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("ssh-ed25519 AAAAC3Nza", "no -----BEGIN PUBLIC KEY-----"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "openssl pkey -pubout"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "cut off or altered"),
        ("-----BEGIN PUBLIC KEY-----\n", "cut off or altered"),
    ],
)
def test_what_is_no_public_key_is_refused_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(UnreadableKey, match=words):
        public_key("k", text)
    with pytest.raises(ValidationError):
        TypeAdapter(PublicKeyText).validate_python(text)


@BOTH
def test_a_private_key_in_place_of_a_public_one_is_refused_and_not_repeated(name: str) -> None:
    pem = private_pem(private(name)).decode()
    with pytest.raises(UnreadableKey, match="this is a private key") as caught:
        public_key("k", pem)
    assert_silent(str(caught.value), pem)
    with pytest.raises(ValidationError, match="never a private key") as refused:
        Images.model_validate({"releaseKeys": [{"name": "ci", "publicKey": pem}]})
    assert_silent(str(refused.value), pem)


def assert_silent(text: str, pem: str) -> None:
    """Assert that no part of a key is in a text."""
    body = "".join(pem.splitlines()[1:-1])
    assert not [body[i : i + 8] for i in range(len(body) - 8) if body[i : i + 8] in text]


@BOTH
@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_private_key_is_read_with_its_passphrase(name: str, passphrase: str) -> None:
    pem = private_pem(private(name), passphrase)
    assert signing_key(pem, passphrase.encode() or None).id == key(name).id


def test_a_passphrase_for_a_key_that_has_none_does_no_harm() -> None:
    assert signing_key(private_pem(private("ci")), b"needless").id == key("ci").id


def test_a_key_of_openssls_older_form_is_read() -> None:
    pem = private("ci-p256").private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert b"BEGIN EC PRIVATE KEY" in pem
    assert signing_key(pem).id == key("ci-p256").id


def test_an_encrypted_key_without_a_passphrase_and_one_with_a_wrong_one_are_told_apart() -> None:
    pem = private_pem(private("ci"), "correct horse")
    with pytest.raises(PassphraseNeeded, match="no passphrase was given"):
        signing_key(pem)
    with pytest.raises(UnreadableKey, match="the passphrase is wrong") as caught:
        signing_key(pem, b"battery staple")
    assert "battery" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "it is empty"),
        (b"hunter2", "no -----BEGIN PRIVATE KEY-----"),
        (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n", "cosign"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cut off or altered"),
    ],
)
def test_what_is_no_private_key_is_refused_and_not_repeated(pem: bytes, words: str) -> None:
    with pytest.raises(UnreadableKey, match=words) as caught:
        signing_key(pem)
    assert "hunter2" not in str(caught.value)


def test_a_public_key_does_not_sign() -> None:
    with pytest.raises(UnreadableKey, match="this is a public key"):
        signing_key(public_pem(private("ci")).encode())


@BOTH
def test_a_private_key_shows_nothing_of_itself(name: str) -> None:
    found = signer(name)
    assert re.fullmatch(r"SigningKey\(\)", repr(found))
    assert_silent(f"{found!r} {found} {key(name)!r}", private_pem(private(name)).decode())


def run(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


# `dgst` signs ECDSA over SHA-256; Ed25519 has no digest of its own, and goes by `pkeyutl -rawin`.
SIGN = {
    "ed25519": ("pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "message", "-out", "sig"),
    "p256": ("dgst", "-sha256", "-sign", "key.pem", "-out", "sig", "message"),
}
VERIFY = {
    "ed25519": (
        *("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin"),
        *("-in", "message", "-sigfile", "sig"),
    ),
    "p256": ("dgst", "-sha256", "-verify", "key.pub", "-signature", "sig", "message"),
}
MAKE = {
    "ed25519": ("genpkey", "-algorithm", "ed25519", "-out", "key.pem"),
    "p256": ("ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem"),
}


@OPENSSL
@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_openssl_and_phiwarden_verify_what_the_other_signs(kind: str, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"DSSEv1 1 t 2 {}")
    run(*MAKE[kind], folder=tmp_path)
    run("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub", folder=tmp_path)
    text = (tmp_path / "key.pub").read_text(encoding="ascii")
    assert TypeAdapter(PublicKeyText).validate_python(text)
    public = public_key("openssl", text)
    run(*SIGN[kind], folder=tmp_path)
    assert public.verifies(b"DSSEv1 1 t 2 {}", (tmp_path / "sig").read_bytes())
    assert not public.verifies(b"DSSEv1 1 t 2 []", (tmp_path / "sig").read_bytes())

    ours = signing_key((tmp_path / "key.pem").read_bytes())
    (tmp_path / "sig").write_bytes(ours.sign(b"DSSEv1 1 t 2 {}"))
    run(*VERIFY[kind], folder=tmp_path)
    (tmp_path / "message").write_bytes(b"DSSEv1 1 t 2 []")
    with pytest.raises(subprocess.CalledProcessError):
        run(*VERIFY[kind], folder=tmp_path)


@OPENSSL
def test_a_key_that_openssl_encrypted_is_read(tmp_path: Path) -> None:
    run(
        *("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:horse", "-out", "key.pem"),
        folder=tmp_path,
    )
    pem = (tmp_path / "key.pem").read_bytes()
    assert isinstance(signing_key(pem, b"horse").sign(b""), bytes)
    with pytest.raises(PassphraseNeeded):
        signing_key(pem)


def test_the_key_of_a_public_half_is_of_a_known_class() -> None:
    assert isinstance(key("ci").public, ed25519.Ed25519PublicKey)
