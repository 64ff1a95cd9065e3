"""From sample records to a configuration: `infer` is the one way in, `fastxform init` the one caller.

Documents are read in `documents`, gathered by family in `families`, described in `shapes` and `types`, named in
`names`, and written in `writing`. Invariant: what is returned has no mistakes, and its tests pass.
"""

from fastxform.tools.inference.draft import Inferred
from fastxform.tools.inference.inference import infer

__all__ = ["Inferred", "infer"]
