"""The command line: have the controllers and the CRDs at hand, with the progress of a first build."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from e2e.controlplane import ControlPlaneError
from e2e.parties import binaries
from e2e.parties.crds import PARTIES, archive


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m e2e.parties", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands.add_parser("build", help="download the CRDs and build the controllers")
    parser.parse_args(arguments)
    try:
        for party in PARTIES:
            archive(party)
        binaries.ensure()
    except KeyboardInterrupt:
        return 130
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
