"""fastxform: whole Amazon Data Firehose batches to CSV or JSON, fast, without losing a record.

The public names are `Pipeline`, `make_handler` and `Batch`. Importing this module imports nothing heavy: a name is
loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastxform.invocation.handler import make_handler
    from fastxform.pipeline import Batch, Pipeline

__all__ = ["Batch", "Pipeline", "__version__", "make_handler"]

__version__ = "0.1.0"


if not TYPE_CHECKING:  # to a type checker a wrong name is one

    def __getattr__(name: str) -> Any:
        if name == "make_handler":
            from fastxform.invocation.handler import make_handler

            return make_handler
        if name in ("Batch", "Pipeline"):
            from fastxform import pipeline

            return getattr(pipeline, name)
        raise AttributeError(f"module 'fastxform' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
