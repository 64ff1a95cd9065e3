"""Who may ask the playground: pages of its own, by its own name; nobody else, even through the user's browser.

A page elsewhere can send requests to loopback (cross-site requests, DNS rebinding); both show in the headers.
Invariant: a request whose Host or Origin is not the server's own gets 403 and reaches nothing.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_HOSTS: Final = ("127.0.0.1", "localhost")


class Guard:
    """Middleware of an ASGI application: HTTP and web sockets alike."""

    def __init__(self, app: Application, port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in _HOSTS}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] in ("http", "websocket") and not self.is_own(scope["headers"]):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This page is for its own machine only.\n"})
            return
        await self._app(scope, receive, send)

    def is_own(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request names this server, and comes from a page of it or from no page."""
        hosts = [value.decode("latin-1") for name, value in headers if name.lower() == b"host"]
        origins = [value.decode("latin-1") for name, value in headers if name.lower() == b"origin"]
        return len(hosts) == 1 and hosts[0] in self._hosts and all(origin in self._origins for origin in origins)
