"""The Lambda entry that needs no code of the user: `fastxform.handler.lambda_handler`.

Importing it reads the configuration that the environment names, builds the pipeline once for the container and, where
it is the function's configured handler, puts the codec into the runtime client. Invariant: an import that succeeds
leaves nothing to fail on account of the configuration; one that fails raises one error with every mistake of the
environment and of the file.
"""

import os

from fastxform import runtime, settings
from fastxform.errors import ConfigError, Mistake
from fastxform.invocation.handler import make_handler
from fastxform.pipeline import Pipeline


def _load() -> Pipeline:
    """Build the pipeline from the file that the environment names.

    Raises:
        ConfigError: the mistakes of the environment and, where the file can be read, of the file.
    """
    mistakes: tuple[Mistake, ...] = _settings.mistakes
    if os.path.isfile(_settings.config):
        try:
            pipeline = Pipeline.load(_settings.config)
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise runtime.init_error(ConfigError(mistakes)) from None
    return pipeline


_settings = settings.read_settings()
lambda_handler = make_handler(_load())
"""The function's handler: (event, context) -> response, bytes for bytes and dict for dict."""

if _settings.codec:
    runtime.install()
