"""fastxform in a handler module of the user's own: the event comes as a dict through the runtime's codec and goes the
same way.

Here the pipeline is built from the configuration of a corpus, for both spellings. Invariant: a configuration that the
engine refuses is `UnsupportedError`, never a different transform.
"""

from collections.abc import Callable
from typing import Any

import fastxform
from benchmarks import corpora
from benchmarks.contenders import UnsupportedError
from fastxform.errors import ConfigError


def engine(corpus: corpora.Corpus) -> Callable[[Any, Any], Any]:
    """Return the handler for a corpus.

    Raises:
        UnsupportedError: the engine does not take the configuration.
    """
    try:
        return fastxform.make_handler(fastxform.Pipeline.from_toml(corpus.config), reports=True)
    except ConfigError as error:
        raise UnsupportedError("; ".join(map(str, error.mistakes))) from error


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    from benchmarks.contenders.runtime_codec import invocation

    return invocation(engine(corpora.find(corpus_name)))
