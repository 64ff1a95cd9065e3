"""fastxform, bytes to bytes, where its native kernel is not there or turned off.

The same handler as `fastxform`'s; a process has the kernel or has it not. Invariant: nothing else differs.
"""

import os

os.environ["FASTXFORM_KERNEL"] = "0"

from benchmarks.contenders.fastxform import make

__all__ = ["make"]
