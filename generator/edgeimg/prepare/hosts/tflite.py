"""TensorFlow Lite on the host, by LiteRT, its successor, one thread.

No package has the guest's own release: PyPI's tflite-runtime ends at 2.14, for Python up
to 3.11 and NumPy before 2. Reference kernels of integer models compute the same in both,
but for the ones that changed on the way: MEAN after 2.11, FULLY_CONNECTED after 2.14.
"""

from __future__ import annotations

from edgeimg.prepare.hosts.litert import MODES, PACKAGE, infer

__all__ = ["MODES", "PACKAGE", "infer"]
