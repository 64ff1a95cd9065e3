"""The function under test on this machine: a pipeline's own handler, watched.

The handler is the one that Lambda runs; only the pipeline under it remembers its last batch, and the client that
puts records back is the local one, so nothing reaches AWS. Invariant: `batch` is what the last response was written
from.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastxform.errors import ContractError
from fastxform.invoke import Handler, make_handler
from fastxform.local.client import LocalClient, Put
from fastxform.pipeline import Batch, Pipeline


class Recorder:
    """A pipeline that `make_handler` takes, with the handler made of it; `where_null` adds up over all batches."""

    def __init__(self, pipeline: Pipeline, put: Put, *, kinesis: bool = False) -> None:
        self._pipeline = pipeline
        self._batch: Batch | None = None
        self.where_null = 0
        client = LocalClient(put, kinesis=kinesis)
        self.handler: Handler = make_handler(cast(Pipeline, self), lambda service, region, config: client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def run(self, payloads: Sequence[bytes | None], *, meta: Mapping[str, Sequence[Any]] | None = None) -> Batch:
        """Run a batch and remember it; the handler writes into it what it decides afterwards."""
        self._batch = self._pipeline.run(payloads, meta=meta)
        self.where_null += self._batch.where_null
        return self._batch

    @property
    def batch(self) -> Batch:
        """The last batch.

        Raises:
            ContractError: nothing was run yet.
        """
        if self._batch is None:
            raise ContractError("the handler ran no batch")
        return self._batch

    def reason(self, place: int) -> str | None:
        """Return why the record at this place of the last event failed."""
        return self.batch.reason[place] if place < len(self.batch) else None
