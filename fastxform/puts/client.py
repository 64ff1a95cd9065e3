"""The clients of AWS that puts are made with, and the threads that make them.

The one importer of boto3, which is imported when a client is made. Which calls are made, and when, is decided in
`reingest` and in the command. Invariant: a client never retries by itself.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeAlias, cast

from fastxform.puts.api import Client, Service

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

    return cast(Client, boto3.client(service, region_name=region, config=config))


class Pool(Protocol):
    """What calls run in: threads, or what stands for them where time and network are simulated."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called."""

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""


class Threads(ThreadPoolExecutor):
    """A thread for each worker, started when there is a call for it."""

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""
        wait(futures, seconds, return_when=FIRST_COMPLETED)
