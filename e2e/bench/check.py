"""How fast `kubectl phi check` is: 1,000 manifests, half of which break six rules.

`python -m e2e.bench.check` prints seconds, the start of the interpreter included. On a machine that
does other things at the same time, the CPU seconds say more.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from e2e.product import ROOT

APPS = ROOT / "examples" / "clinic" / "apps"
WORKLOAD = ROOT / "examples" / "clinic" / "phiworkload.yaml"
MANIFESTS = 1000
RUNS = 5


def manifests() -> list[str]:
    """Return the documents, each under a name of its own."""
    texts = [
        (name, (APPS / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("appointments", "patient-export")
    ]
    made = []
    for number in range(MANIFESTS):
        name, text = texts[number % len(texts)]
        made.append(text.replace(f"  name: {name}\n", f"  name: {name}-{number}\n", 1))
    return made


def write(folder: Path) -> tuple[Path, Path]:
    """Write a folder of 1,000 files, and one file of 1,000 documents."""
    many, one = folder / "many", folder / "one.yaml"
    many.mkdir()
    for number, text in enumerate(manifests()):
        (many / f"{number:04}.yaml").write_text(text, encoding="utf-8")
    one.write_text("---\n".join(manifests()), encoding="utf-8")
    return many, one


def seconds(what: Path, environment: dict[str, str]) -> float:
    """Return how long a check takes; fails if its verdict is not the one to expect."""
    command = [str(Path(sys.executable).parent / "kubectl-phi"), "check", str(what)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "-w", str(WORKLOAD)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    expected = f"{MANIFESTS + 1} objects judged, {MANIFESTS // 2} would be refused."
    if done.returncode != 1 or expected not in done.stdout:
        raise AssertionError(f"{done.returncode}: {done.stdout[-500:]}{done.stderr}")
    return took


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        many, one = write(Path(folder))
        # Without compiled modules, as on the first run after an installation.
        cold = seconds(many, {"PYTHONPYCACHEPREFIX": str(Path(folder) / "cold")})
        print(f"first run after an installation, 1,000 files: {cold:.2f} s")
        for name, what in (("1,000 files", many), ("1 file of 1,000 documents", one)):
            before = _cpu()
            taken = sorted(seconds(what, {}) for _ in range(RUNS))
            median = statistics.median(taken)
            print(
                f"{name}: median {median:.2f} s, {taken[0]:.2f} to {taken[-1]:.2f} s;"
                f" {(_cpu() - before) / RUNS:.2f} s of CPU, all processes together"
            )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
