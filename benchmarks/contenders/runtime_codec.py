"""What the Lambda runtime does around a handler that takes a dict and returns one.

The runtime's own marshaller, of the `awslambdaric` that AWS ships, and the `encode` that its client does before it
posts. Invariant: nothing is cached between two invocations.
"""

from collections.abc import Callable
from typing import Any

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

Handler = Callable[[Any, Any], Any]


def invocation(handler: Handler) -> Callable[[bytes], bytes]:
    """Return the whole invocation of the handler: event bytes to the bytes that are posted."""
    marshaller = LambdaMarshaller()

    def invoke(event: bytes) -> bytes:
        response, _ = marshaller.marshal_response(handler(marshaller.unmarshal_request(event), None))
        return response if isinstance(response, bytes) else response.encode("utf-8")

    return invoke
