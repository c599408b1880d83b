"""What the image installs is what was tested."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def pins(name: str) -> dict[str, str]:
    """Return each requirement of a lock, with its version, marker and hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = [entry for entry in text.replace("\\\n", "").splitlines() if "==" in entry]
    return dict(entry.split("==", 1) for entry in entries)


def test_the_lock_of_the_image_is_a_part_of_the_whole_one() -> None:
    tested, shipped = pins("requirements.lock"), pins("requirements-runtime.lock")
    assert {name: tested.get(name) for name in shipped} == shipped
    assert not {"pytest", "mypy", "ruff", "hatchling"} & shipped.keys()
