"""`python -m phiwarden` is the command `phiwarden`."""

import sys

from phiwarden.cli.main import main

sys.exit(main())
