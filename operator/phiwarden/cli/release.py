"""`kubectl phi release`: signing what may be promoted, and verifying it, without a cluster."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli.asking import stopped

if TYPE_CHECKING:
    from phiwarden.api.release import Envelope, Statement
    from phiwarden.cli.formats.release_text import Judged
    from phiwarden.cli.releasing.files import Found

app = typer.Typer(help="Sign and verify what may be promoted.", no_args_is_help=True)


class Format(StrEnum):
    """How verdicts are written."""

    TABLE = "table"
    JSON = "json"


SIGN_HELP: Final = (
    "Sign a PHIRelease, and write it with its envelope.\n\n"
    "\b\n"
    "  kubectl phi release sign -f release.yaml --key ci.pem > signed.yaml\n"
    "  kubectl phi release sign -f release.yaml --key-env CI_SIGNING_KEY --output signed.yaml\n"
    "  vault kv get -field=key ci/signing | kubectl phi release sign -f release.yaml --key -\n\n"
    "The key is Ed25519 or ECDSA P-256, in PEM; openssl genpkey -algorithm ed25519 makes one. One"
    " that never leaves a vault signs, by any DSSE tool, what `kubectl phi release payload` writes;"
    " --envelope takes what that tool made.\n\n"
    "Exit codes: 0, signed; 2, not: the release or the key cannot be used."
)

PAYLOAD_HELP: Final = (
    "Write the canonical bytes of a PHIRelease, which are the payload of its envelope.\n\n"
    "For keys that never leave a vault. The payload's type is"
    " application/vnd.phiwarden.release.v1alpha1+json."
)

VERIFY_HELP: Final = (
    "Verify signed PHIReleases, as phiwarden would in the cluster.\n\n"
    "With -w against what a zone of a declaration asks: its keys, the limits of its tier, and where"
    " it is promoted from. With --key by that key alone; limits are not known then.\n\n"
    "\b\n"
    "  kubectl phi release verify -f signed.yaml -w workload.yaml --zone clinical\n"
    "  kubectl phi release verify -f signed.yaml --key ci.pub\n\n"
    "Exit codes: 0, verified; 1, not verified; 2, it cannot be told: a file is wrong, or an option."
    " 2 wins over 1."
)

File = Annotated[
    str, typer.Option("-f", "--filename", metavar="FILE|-", help="The PHIRelease; - for a pipe.")
]


@app.command("sign", help=SIGN_HELP)
def sign(
    file: File,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FILE|-", help="Private key in PEM; - for a pipe."),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option("--key-env", metavar="NAME", help="Environment variable that holds it."),
    ] = None,
    passphrase_env: Annotated[
        str | None,
        typer.Option(
            "--passphrase-env", metavar="NAME", help="Environment variable with its passphrase."
        ),
    ] = None,
    envelope: Annotated[
        str | None,
        typer.Option(
            "--envelope", metavar="FILE", help="Instead of a key: what another DSSE tool made."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write it there, not to standard output."),
    ] = None,
) -> None:
    """Sign a release; `SIGN_HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for all of it.
    from phiwarden.cli.formats.release_text import signed_text  # noqa: PLC0415
    from phiwarden.cli.releasing.files import NotReadable, unsigned  # noqa: PLC0415

    if sum(each is not None for each in (key, key_env, envelope)) != 1:
        raise stopped("release sign", "give one of --key, --key-env and --envelope")
    if passphrase_env is not None and envelope is not None:
        raise stopped("release sign", "--passphrase-env is for a key, and --envelope has none")
    if file == key == "-":
        raise stopped("release sign", "-f - and --key -: only one can come through the pipe")
    try:
        found = unsigned(file)
        if envelope is not None:
            made = _taken(found, envelope)
        else:
            made = _made(found, key, key_env, passphrase_env)
    except NotReadable as error:
        raise stopped("release sign", str(error)) from error
    text = signed_text(found.manifest.value, found.spec, made)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"--output {output}: cannot be written: {error.strerror or error}"
        raise stopped("release sign", message) from error


@app.command("payload", help=PAYLOAD_HELP)
def payload(file: File) -> None:
    """Write what is signed; `PAYLOAD_HELP` says the rest."""
    from phiwarden.cli.releasing.files import NotReadable, unsigned  # noqa: PLC0415
    from phiwarden.releases.canonical import statement_bytes  # noqa: PLC0415

    try:
        found = unsigned(file)
    except NotReadable as error:
        raise stopped("release payload", str(error)) from error
    sys.stdout.buffer.write(statement_bytes(found.spec))


@app.command("verify", help=VERIFY_HELP)
def verify(
    files: Annotated[
        list[str],
        typer.Option(
            "-f",
            "--filename",
            metavar="FILE|FOLDER|-",
            help="Signed PHIReleases; may be given again. - for a pipe.",
        ),
    ],
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="FILE", help="Public key in PEM; may be given again."),
    ] = None,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            "-w", "--workload", metavar="FILE", help="PHIWorkload declaration; may be given again."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone", help="Zone of the declaration; else that of the release's namespace."
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, or for programs.")
    ] = Format.TABLE,
) -> None:
    """Verify releases; `VERIFY_HELP` says the rest."""
    from phiwarden.cli.formats.release_text import verdicts_json, verdicts_text  # noqa: PLC0415
    from phiwarden.cli.releasing.files import NotReadable  # noqa: PLC0415

    if bool(keys) == bool(workload):
        raise stopped("release verify", "give --key FILE, or -w FILE, and not both")
    if zone is not None and not workload:
        raise stopped("release verify", "--zone is for -w FILE")
    try:
        judged = _judged(files, keys or [], workload or [], zone)
    except NotReadable as error:
        raise stopped("release verify", str(error)) from error
    notes = () if workload else (_NOT_ASKED,)
    code = 0 if all(each.verdict.verified for each in judged) else 1
    if output is Format.JSON:
        sys.stdout.write(verdicts_json(judged, notes, code))
    else:
        sys.stdout.write(verdicts_text(judged, notes))
    raise typer.Exit(code)


_NOT_ASKED: Final = (
    "not judged without -w: the workload that it is for, scan limits, and where it ran before"
)


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def _made(
    found: Found[Statement], key: str | None, key_env: str | None, passphrase_env: str | None
) -> Envelope:
    from phiwarden.cli.releasing.keyfiles import private_key  # noqa: PLC0415
    from phiwarden.releases.sign import signed  # noqa: PLC0415

    return signed(found.spec, private_key(key, key_env, passphrase_env))


def _taken(found: Found[Statement], file: str) -> Envelope:
    """Return an envelope that another tool made for a statement."""
    from phiwarden.api.release import ReleaseSpec  # noqa: PLC0415
    from phiwarden.cli.releasing.files import NotReadable  # noqa: PLC0415
    from phiwarden.releases.dsse import Malformed, from_json  # noqa: PLC0415
    from phiwarden.releases.verify import read  # noqa: PLC0415

    try:
        made = from_json(Path(file).read_bytes())
    except OSError as error:
        message = f"--envelope {file}: cannot be read: {error.strerror or error}"
        raise NotReadable(message) from error
    except Malformed as error:
        raise NotReadable(f"--envelope {file}: {error}") from error
    _, faults = read(ReleaseSpec(**dict(found.spec), envelope=made))
    if faults:
        said = (f"--envelope {file}: {fault.field}: {fault.problem}" for fault in faults)
        raise NotReadable("\n".join(said))
    return made


def _judged(
    files: list[str], keys: list[str], workloads: list[str], zone: str | None
) -> tuple[Judged, ...]:
    from phiwarden.cli.formats.release_text import Judged  # noqa: PLC0415
    from phiwarden.cli.releasing.asked import askers, policy_for  # noqa: PLC0415
    from phiwarden.cli.releasing.files import releases  # noqa: PLC0415
    from phiwarden.cli.releasing.keyfiles import public_keys  # noqa: PLC0415
    from phiwarden.releases.policy import Policy  # noqa: PLC0415
    from phiwarden.releases.verify import verdict  # noqa: PLC0415

    at = now()
    given = Policy(public_keys(keys))
    known = askers(workloads, at) if workloads else ()
    return tuple(
        Judged(
            found.manifest,
            verdict(
                found.spec,
                policy_for(found.manifest.namespace, zone, known) if workloads else given,
                at,
            ),
        )
        for found in releases(files)
    )
