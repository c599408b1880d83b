"""`python -m e2e.image FOLDER` builds the image there, and prints its name, digest and size."""

import sys
from pathlib import Path

from e2e.image import build

image = build(Path(sys.argv[1]))
size = image.archive.stat().st_size
print(f"{image.repository}:{image.tag}@{image.digest} {size} bytes in {image.archive}")
