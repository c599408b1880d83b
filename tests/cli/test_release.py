"""`kubectl phi release`: signing and verifying in CI."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from phiwarden.cli import release
from phiwarden.releases.canonical import statement_bytes
from phiwarden.releases.dsse import PAYLOAD_TYPE, pae
from tests.api.declarations import DROP, Changes, _KubernetesLoader, changed, portal
from tests.api.releases import EXAMPLE, IMAGE, unsigned
from tests.releases.made import key, private, private_pem, public_pem, signer, statement
from tests.releases.test_keys import assert_silent

from .run import Ran, phi

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "now", lambda: NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a release, keys of both kinds, and a declaration that names them."""
    for name in ("ci", "ci-p256", "stranger"):
        (tmp_path / f"{name}.pem").write_bytes(private_pem(private(name)))
        (tmp_path / f"{name}.pub").write_text(public_pem(private(name)))
    (tmp_path / "locked.pem").write_bytes(private_pem(private("ci"), "correct horse"))
    write(tmp_path / "release.yaml", unsigned())
    declare(tmp_path, {})
    return tmp_path


def write(path: Path, value: Any) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return path


def declare(folder: Path, images: dict[str, Any], changes: Changes | None = None) -> Path:
    keys = [{"name": n, "publicKey": public_pem(private(n))} for n in ("ci", "ci-p256")]
    usual = {"requireRelease": True, "releaseKeys": keys, "promotedFrom": "staging"}
    declared = changed(portal(), {"zones[1].images": {**usual, **images}, **(changes or {})})
    return write(folder / "workload.yaml", declared)


def read(text: str) -> Any:
    return yaml.load(text, Loader=_KubernetesLoader)


def sign(folder: Path, by: str = "ci", file: str = "release.yaml") -> Path:
    ran = phi("release", "sign", "-f", folder / file, "--key", folder / f"{by}.pem")
    assert ran.code == 0, ran.err
    path = folder / "signed.yaml"
    path.write_text(ran.out, encoding="utf-8")
    return path


def verify(folder: Path, *options: object, stdin: bytes = b"") -> Ran:
    return phi("release", "verify", "-f", folder / "signed.yaml", *options, stdin=stdin)


@pytest.mark.parametrize("by", ["ci", "ci-p256"])
def test_what_is_signed_is_verified_by_the_zone_and_by_the_key_alone(folder: Path, by: str) -> None:
    sign(folder, by)
    ran = verify(folder, "-w", folder / "workload.yaml", "--zone", "clinical")
    assert (ran.code, ran.err) == (0, "")
    assert f"PHIRelease portal-1.4.2: verified by {by} ({key(by).id})" in ran.out
    ran = verify(folder, "--key", folder / f"{by}.pub")
    assert ran.code == 0
    assert "not judged without -w" in ran.out


def test_the_zone_is_that_of_the_namespace_that_the_release_names(folder: Path) -> None:
    sign(folder)
    assert verify(folder, "-w", folder / "workload.yaml").code == 0


def test_the_signed_release_is_the_release_with_an_envelope_and_nothing_else(folder: Path) -> None:
    found = read(sign(folder).read_text(encoding="utf-8"))
    envelope = found["spec"].pop("envelope")
    assert found == unsigned()
    assert base64.b64decode(envelope["payload"]) == statement_bytes(statement())
    assert envelope["payloadType"] == PAYLOAD_TYPE
    assert [s["keyid"] for s in envelope["signatures"]] == [key("ci").id]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source.commit", "12345678901234567890e1234567890123456789"),
        ("source.commit", "12345678901234567890123456789012345678e9"),
        ("source.commit", "1" * 40),
        ("version", "1e3"),
        ("version", "1.10"),
        ("version", "0x10"),
        ("version", "10"),
        ("change", "yes"),
        ("change", "null"),
        ("change", "a: b # c"),
        ("change", "'quoted'"),
        ("change", '"quoted"'),
        ("change", "- a"),
        ("change", "{a}"),
        ("scan.tool", "2026-06-01"),
        ("scan.tool", "\\n%41"),
        ("scan.tool", "!tag"),
    ],
)
def test_what_yaml_could_take_for_something_else_is_written_so_that_it_cannot(
    folder: Path, field: str, value: str
) -> None:
    written = changed(unsigned(), {field: value})
    (folder / "release.yaml").write_text(json.dumps(written), encoding="utf-8")
    sign(folder)
    assert verify(folder, "-w", folder / "workload.yaml").code == 0
    assert (
        read((folder / "signed.yaml").read_text())["spec"]["version"] == written["spec"]["version"]
    )


def test_a_status_and_an_older_envelope_do_not_outlive_a_new_signature(folder: Path) -> None:
    old = read(sign(folder, "stranger").read_text(encoding="utf-8"))
    write(folder / "release.yaml", {**old, "status": {"verified": {"name": "ci"}}})
    sign(folder)
    assert verify(folder, "-w", folder / "workload.yaml").code == 0
    assert "status" not in read((folder / "signed.yaml").read_text(encoding="utf-8"))


def test_output_goes_to_a_file_or_through_a_pipe(folder: Path) -> None:
    options = ("--key", folder / "ci.pem", "--output", folder / "signed.yaml")
    ran = phi("release", "sign", "-f", "-", *options, stdin=EXAMPLE.read_bytes())
    assert (ran.code, ran.out) == (0, "")
    signed = (folder / "signed.yaml").read_bytes()
    ran = phi("release", "verify", "-f", "-", "--key", folder / "ci.pub", stdin=signed)
    assert ran.code == 0
    assert "stdin: PHIRelease portal-1.4.2: verified" in ran.out


def test_a_key_comes_from_a_pipe_or_from_the_environment_with_its_passphrase(folder: Path) -> None:
    pem, locked = private_pem(private("ci")), private_pem(private("ci"), "correct horse").decode()
    ask = ("release", "sign", "-f", folder / "release.yaml")
    for ran in (
        phi(*ask, "--key", "-", stdin=pem),
        phi(*ask, "--key-env", "KEY", KEY=pem.decode()),
        phi(*ask, "--key-env", "KEY", "--passphrase-env", "PASS", KEY=locked, PASS="correct horse"),
        phi(*ask, "--key", folder / "locked.pem", "--passphrase-env", "PASS", PASS="correct horse"),
    ):
        assert ran.code == 0, ran.err
        (folder / "signed.yaml").write_text(ran.out)
        assert verify(folder, "--key", folder / "ci.pub").code == 0


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (["--key", "locked.pem"], {}, "is encrypted, and no passphrase was given"),
        (["--key", "locked.pem"], {}, "--passphrase-env NAME"),
        (["--key", "locked.pem", "--passphrase-env", "P"], {"P": "battery"}, "passphrase is wrong"),
        (
            ["--key", "locked.pem", "--passphrase-env", "P"],
            {"P": ""},
            "--passphrase-env P: there is",
        ),
        (["--key", "ci.pub"], {}, "this is a public key"),
        (["--key", "none.pem"], {}, "none.pem: cannot be read: No such file"),
        (["--key", "."], {}, "cannot be read"),
        (["--key-env", "KEY"], {}, "--key-env KEY: there is no such environment variable"),
        (["--key-env", "KEY"], {"KEY": "hunter2"}, "--key-env KEY: is no key in PEM"),
        ([], {}, "give one of --key, --key-env and --envelope"),
        (["--key", "ci.pem", "--key-env", "KEY"], {"KEY": "x"}, "give one of"),
        (["--envelope", "e.json", "--passphrase-env", "P"], {}, "--passphrase-env is for a key"),
        (["--envelope", "e.json"], {}, "e.json: cannot be read: No such file"),
        (["--envelope", "ci.pub"], {}, "ci.pub: is no JSON"),
        (["--key", "ci.pem", "--output", "no/such/file"], {}, "--output no/such/file: cannot be"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_nothing_of_it_is_said(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    monkeypatch.chdir(folder)
    ran = phi("release", "sign", "-f", "release.yaml", *options, **environment)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert not any(secret in ran.err for secret in ("hunter2", "battery", "correct"))
    for file in ("ci.pem", "locked.pem"):
        assert_silent(ran.err, (folder / file).read_text())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images[0].digest": f"sha256:{'A' * 64}"}, "spec.images[0].digest: must be sha256:"),
        ({"images[0].tag": "1.4.2"}, "spec.images[0].tag: unknown field"),
        ({"scan.databaseDate": "yesterday"}, "spec.scan.databaseDate: must be a second in UTC"),
        ({"tests": DROP}, "spec.tests: Field required"),
        ({"tests[0].link": DROP}, "spec.tests[0]: a test needs evidence"),
        ({"metadata.name": DROP}, "metadata.name: a PHIRelease needs a name"),
    ],
)
def test_a_release_that_the_api_server_would_refuse_is_not_signed(
    folder: Path, changes: Changes, words: str
) -> None:
    write(folder / "release.yaml", changed(unsigned(), changes))
    ran = phi("release", "sign", "-f", folder / "release.yaml", "--key", folder / "ci.pem")
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert f"{folder / 'release.yaml'}:" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no PHIRelease is here"),
        ("a: [", "release.yaml:"),
        ("kind: ConfigMap\napiVersion: v1\n", "a ConfigMap is here, too"),
        (f"{EXAMPLE.read_text()}\n---\n{EXAMPLE.read_text()}", "sign them one by one"),
        (
            EXAMPLE.read_text().replace("  version:", "  version: 1.4.1\n  version:"),
            "stands here again",
        ),
    ],
)
def test_a_file_that_is_no_one_release_is_not_signed(folder: Path, text: str, words: str) -> None:
    (folder / "release.yaml").write_text(text, encoding="utf-8")
    ran = phi("release", "sign", "-f", folder / "release.yaml", "--key", folder / "ci.pem")
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_one_pipe_is_not_asked_for_two_things(folder: Path) -> None:
    ran = phi("release", "sign", "-f", "-", "--key", "-", stdin=EXAMPLE.read_bytes())
    assert (ran.code, "only one can come through the pipe" in ran.err) == (2, True)


def test_a_key_that_never_leaves_its_vault_signs_the_payload(folder: Path) -> None:
    ran = phi("release", "payload", "-f", folder / "release.yaml")
    assert ran.out.encode() == statement_bytes(statement())
    signature = signer("ci-p256").sign(pae(PAYLOAD_TYPE, ran.out.encode()))
    made = {
        "payload": base64.urlsafe_b64encode(ran.out.encode()).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": "vault:17", "sig": base64.b64encode(signature).decode()}],
    }
    (folder / "e.json").write_text(json.dumps(made), encoding="utf-8")
    ask = ("release", "sign", "-f", folder / "release.yaml", "--envelope", folder / "e.json")
    ran = phi(*ask)
    assert (ran.code, ran.err) == (0, "")
    (folder / "signed.yaml").write_text(ran.out)
    assert verify(folder, "-w", folder / "workload.yaml").code == 0

    write(folder / "release.yaml", changed(unsigned(), {"version": "1.4.3"}))
    ran = phi(*ask)
    assert (ran.code, ran.out) == (2, "")
    assert 'spec.version: "1.4.2" was signed, and it says "1.4.3" now' in ran.err


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"images[0].digest": IMAGE["digest"]}, "OtherBytes", "spec.images[0].digest: "),
        ({"scan.counts.critical": 1}, "OtherBytes", "0 was signed, and it says 1 now"),
        (
            {"scan.counts.critical": 1},
            "OverLimit",
            "1 vulnerabilities of critical severity, and at",
        ),
        ({"envelope.payload": "e30"}, "Malformed", "spec.envelope.payload: is base64 that was cut"),
        ({"envelope.signatures[0].sig": "c2ln"}, "WrongSignature", "names key ci"),
        ({"tests[1].passed": False}, "FailedTest", "recovery drill failed"),
    ],
)
def test_a_release_that_was_changed_is_not_verified_and_every_reason_is_told(
    folder: Path, changes: Changes, reason: str, words: str
) -> None:
    signed = read(sign(folder).read_text())
    write(folder / "signed.yaml", changed(signed, changes))
    ran = verify(folder, "-w", folder / "workload.yaml")
    assert ran.code == 1
    assert "portal-1.4.2: not verified" in ran.out
    (line,) = [
        line for line in ran.out.splitlines() if line.startswith(f"  {reason} ") and words in line
    ]
    following = ran.out.splitlines()[ran.out.splitlines().index(line) + 1]
    assert following.startswith("    fix: ")


@pytest.mark.parametrize(
    ("images", "changes", "reason"),
    [
        ({"promotedFrom": "test"}, {}, "NotPromoted"),
        ({"scanLimits": {"maxDatabaseAge": "24h"}}, {}, "DatabaseTooOld"),
        (
            {"releaseKeys": [{"name": "new", "publicKey": public_pem(private("new"))}]},
            {},
            "UnknownKey",
        ),
        (
            {
                "releaseKeys": [
                    {"name": "ci", "publicKey": public_pem(private("ci")), "notAfter": "2026-05-31"}
                ]
            },
            {},
            "ExpiredKey",
        ),
        ({}, {"metadata.name": "other", "zones[1].namespace": "portal-clinical"}, "OtherWorkload"),
    ],
)
def test_what_the_zone_asks_for_is_asked(
    folder: Path, images: dict[str, Any], changes: Changes, reason: str
) -> None:
    sign(folder)
    declare(folder, images, changes)
    ran = verify(folder, "-w", folder / "workload.yaml", "--zone", "clinical", "-o", "json")
    assert ran.code == 1
    (found,) = ran.json["releases"]
    assert [refusal["reason"] for refusal in found["refusals"]] == [reason]


def test_json_has_what_a_program_asks_for(folder: Path) -> None:
    sign(folder)
    ran = verify(folder, "-w", folder / "workload.yaml", "-o", "json")
    assert ran.json == {
        "apiVersion": "release.phiwarden.dev/v1",
        "exitCode": 0,
        "notes": [],
        "releases": [
            {
                "file": str(folder / "signed.yaml"),
                "name": "portal-1.4.2",
                "namespace": "portal-clinical",
                "verified": True,
                "key": {"name": "ci", "id": key("ci").id},
                "statement": ran.json["releases"][0]["statement"],
                "refusals": [],
            }
        ],
    }


def test_one_release_among_several_that_is_not_verified_fails_them_all(folder: Path) -> None:
    good = sign(folder).read_text()
    bad = sign(folder, "stranger").read_text().replace("portal-1.4.2", "portal-forged")
    (folder / "signed.yaml").write_text(f"{good}\n---\nkind: ConfigMap\napiVersion: v1\n---\n{bad}")
    ran = verify(folder, "--key", folder / "ci.pub", "-o", "json")
    assert ran.code == 1
    assert [(r["name"], r["verified"]) for r in ran.json["releases"]] == [
        ("portal-1.4.2", True),
        ("portal-forged", False),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give --key FILE, or -w FILE, and not both"),
        (["--key", "ci.pub", "-w", "workload.yaml"], "and not both"),
        (["--key", "ci.pub", "--zone", "clinical"], "--zone is for -w FILE"),
        (["--key", "ci.pem"], "this is a private key"),
        (["--key", "none.pub"], "none.pub: cannot be read"),
        (["--key", "workload.yaml"], "cannot be read as a public key"),
        (["-w", "none.yaml"], "none.yaml:1:1: cannot be read"),
        (["-w", "release.yaml"], "no PHIWorkload is declared here"),
        (
            ["-w", "workload.yaml", "--zone", "edge"],
            "no zone is declared for zone edge and namespace",
        ),
        (
            ["-w", "workload.yaml", "--zone", "clinicl"],
            "the zones are edge (portal-edge), clinical",
        ),
    ],
)
def test_what_cannot_be_told_is_no_verdict(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    sign(folder)
    monkeypatch.chdir(folder)
    ran = phi("release", "verify", "-f", "signed.yaml", *options)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_a_release_without_a_namespace_belongs_where_the_user_says(folder: Path) -> None:
    write(folder / "release.yaml", changed(unsigned(), {"metadata.namespace": DROP}))
    sign(folder)
    ran = verify(folder, "-w", folder / "workload.yaml")
    assert (ran.code, "give --zone ZONE" in ran.err) == (2, True)
    assert verify(folder, "-w", folder / "workload.yaml", "--zone", "clinical").code == 0
    ran = verify(folder, "-w", folder / "workload.yaml", "--zone", "edge")
    assert (ran.code, "edge (portal-edge) declares no key" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (EXAMPLE.read_text(), "spec.envelope: Field required"),
        ("", "no PHIRelease is here"),
        ("kind: ConfigMap\napiVersion: v1\n", "no PHIRelease is here"),
        ("{", "signed.yaml:2:"),
    ],
)
def test_what_is_no_signed_release_is_no_verdict(folder: Path, text: str, words: str) -> None:
    (folder / "signed.yaml").write_text(text, encoding="utf-8")
    ran = verify(folder, "--key", folder / "ci.pub")
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_a_digest_in_capital_letters_is_no_verdict_and_names_the_field(folder: Path) -> None:
    signed = read(sign(folder).read_text())
    digest = signed["spec"]["images"][0]["digest"].upper().replace("SHA256", "sha256")
    write(folder / "signed.yaml", changed(signed, {"images[0].digest": digest}))
    ran = verify(folder, "--key", folder / "ci.pub")
    assert ran.code == 2
    assert "spec.images[0].digest: must be sha256: and 64 digits and lower-case letters" in ran.err
