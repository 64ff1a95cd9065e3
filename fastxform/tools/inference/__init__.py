"""From sample records to a configuration: `inference.infer` is the one way in, `fastxform init` the one caller.

Documents are read in `documents`, gathered by family in `families`, described in `shapes` and `types`, named in
`names`, and written in `writing`. Invariant: what is returned has no mistakes, and its tests pass.
"""
