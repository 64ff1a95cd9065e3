"""The clients of AWS that puts are made with.

The one importer of boto3, which is imported when a client is made. Which calls are made, and when, is decided in
`reingest` and in the command. Invariant: a client never retries by itself, and its connections can be closed from
outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias, cast

from fastxform.puts.api import Client, Service
from fastxform.puts.threads import connection_of_call

TIME_OUTS_OF_A_CALL: Final = 2
"""A call takes as many read time-outs at most, whatever arrives of its answer: then its connection is closed. Ours."""

ClientFactory: TypeAlias = Callable[[Service, str | None, Any], Client]
"""`(service, region, config) -> client`; `boto3_client` is the one that is used where none is given.

`config` is a botocore `Config`, to be handed on to boto3; where botocore is not installed it is a `ClientConfig`, which
has the same attributes.
"""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client is to keep to, named as in botocore's `Config`; times are seconds."""

    connect_timeout: float
    read_timeout: float
    max_pool_connections: int
    retries: Mapping[str, Any] = field(default_factory=lambda: {"total_max_attempts": 1, "mode": "standard"})
    tcp_keepalive: bool = True

    def for_botocore(self) -> Any:
        """Return botocore's own; itself where there is no botocore, so that the client cannot be boto3's."""
        try:
            from botocore.config import Config
        except ImportError:
            return self
        return Config(**{item.name: getattr(self, item.name) for item in fields(self)})


def boto3_client(service: Service, region: str | None, config: Any) -> Client:
    """Make a client with boto3, which is imported now: a client costs 320 ms of a cold start."""
    import boto3

    client = boto3.client(service, region_name=region, config=config)
    make_closable(client)
    return cast(Client, client)


def make_closable(client: Any) -> None:
    """Have the connections of a client of boto3 tell which socket the call of their thread uses.

    botocore has no public way to a connection in use, nor a time-out for a whole call; with either this can go. Where
    a version of it keeps its classes elsewhere, or the client is not boto3's, connections are left as they are, and an
    abandoned call costs its thread.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    pools = getattr(session, "_pool_classes_by_scheme", None)
    if isinstance(pools, dict):
        for scheme, pool in pools.items():
            pools[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": _closable(pool.ConnectionCls)})


def _closable(connection_class: Any) -> Any:
    """Return the class of connections that enter their socket: when it is there, and whenever it is used again."""

    class Closable(connection_class):  # type: ignore[misc]
        _connected: Any = None

        def connect(self) -> None:
            super().connect()
            # Of TLS inside of TLS the socket below; `self.sock` is let go of before an answer is read to its end.
            self._connected = getattr(self.sock, "socket", self.sock)
            self._enter()

        def request(self, *args: Any, **options: Any) -> None:
            if self.sock is not None:
                self._enter()
            super().request(*args, **options)

        def _enter(self) -> None:
            call = connection_of_call()
            if call is not None:
                call.use(self._connected)

    return Closable
