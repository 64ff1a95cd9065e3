"""The Lambda layer: published wheels and this package, pruned, stripped, compiled, checked and zipped.

`python -m deploy.layer` builds one, `python -m deploy.layer.lock` pins what goes into it; nothing here is part of the
package, and nothing of it is needed to run one. Invariant: the same tree, locks and interpreter give the same bytes,
and no file is written under the name of a layer that failed a check.
"""


class LayerError(Exception):
    """Why there is no layer: one line with what is wrong and what to do."""
