"""fastxform, bytes to bytes: what a function gets whose configured handler is `fastxform.handler.lambda_handler`.

The runtime's codec hands the event over as it came and takes the response as it is. Here is no code of a user's: only
the configuration of the corpus. Invariant: a configuration that the engine refuses is `UnsupportedError`, never a
different transform.
"""

from collections.abc import Callable

from benchmarks import corpora
from benchmarks.contenders.fastxform_dict import engine


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    handler = engine(corpora.find(corpus_name))

    def invoke(event: bytes) -> bytes:
        return handler(event, None)

    return invoke
