"""The product's image, made where no registry can be reached: a Debian root, the lock, the wheel.

The Containerfile makes the one that users build. This one has the same packages, laid out in the
same way, and runs as the Containerfile says.
"""

from e2e.image.build import Image, build

__all__ = ["Image", "build"]
