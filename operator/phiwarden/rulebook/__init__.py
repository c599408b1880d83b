"""The rulebook: rules as data, judged alike by the API server and by Python."""

import sys
from types import ModuleType

# `import cel` loads the command line of that package, too, and with it a toolkit for terminals:
# a third of a second of every start, and memory that an operator holds for nothing.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
