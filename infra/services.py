"""The host process of a local stack: the front and the stand-ins, each on a port of its own.

Run as `python -m infra.services` by `infra.local`; steered through `ServicesClient`. It ends
when its stdin does.
"""

import argparse
import asyncio
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from infra.front import Front
from infra.ports import LOOPBACK
from infra.standins import Audit, Finance, Receiver, StandIn, refused

KEY_VARIABLES = {"finance": "FINANCE_API_KEY", "audit": "AUDIT_API_KEY"}
_CLOSING_SECONDS = 1
_BACKLOG = 128

Endpoint = Callable[[Request], Awaitable[Response]]


class Ports(BaseModel):
    """Where each service of the process listens; written when all of them do."""

    front: int
    admin: int
    standins: dict[str, int]


class _Deployed(BaseModel):
    """An admin call: the API the front passes on to."""

    model_config = ConfigDict(extra="forbid")

    api_id: str = Field(alias="apiId")


class _Listening(BaseModel):
    """An admin call: stop listening, or listen again."""

    model_config = ConfigDict(extra="forbid")

    listening: bool


class _ApiKeys(BaseModel):
    """An admin call: the keys of which a stand-in asks for one."""

    model_config = ConfigDict(extra="forbid")

    api_keys: frozenset[str] = Field(alias="apiKeys", min_length=1)


class Server(uvicorn.Server):
    """A uvicorn server among several: signals are the process's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class Listener:
    """An app on a loopback port, which it keeps when it stops and listens again."""

    def __init__(self, app: Starlette, port: int = 0, *, or_any_port: bool = False) -> None:
        self._app = app
        self.port = port
        self._or_any_port = or_any_port
        self._running: tuple[Server, asyncio.Task[None]] | None = None

    @property
    def listening(self) -> bool:
        """Whether connections are taken."""
        return self._running is not None

    async def start(self) -> None:
        """Listen; returns when connections are taken."""
        if self._running is not None:
            return
        bound = self._bound()
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_CLOSING_SECONDS,
        )
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started:
            await asyncio.sleep(0.001)
            if task.done():
                task.result()
        self._running = (server, task)

    def _bound(self) -> socket.socket:
        try:
            return _listening_socket(self.port)
        except OSError:
            if not self._or_any_port:
                raise
            return _listening_socket(0)

    async def stop(self) -> None:
        """Close the port and every connection to it."""
        if self._running is None:
            return
        server, task = self._running
        self._running = None
        server.should_exit = True
        await task


class Services:
    """All services of the process, and the admin interface over them."""

    def __init__(self, front: Front, standins: list[StandIn], front_listener: Listener) -> None:
        self._front = front
        self._standins = {standin.name: standin for standin in standins}
        self._listeners = {standin.name: Listener(standin.app) for standin in standins}
        self._front_listener = front_listener
        self._admin_listener = Listener(Starlette(routes=self._admin_routes()))

    async def serve(self, ready: Path, ended: asyncio.Event) -> None:
        """Listen everywhere, write the ports, and go on until told to end."""
        listeners = [self._front_listener, self._admin_listener, *self._listeners.values()]
        async with self._front.connections():
            try:
                for listener in listeners:
                    await listener.start()
                _write_at_once(ready, self.ports().model_dump_json())
                await ended.wait()
            finally:
                await asyncio.gather(*(listener.stop() for listener in listeners))

    def ports(self) -> Ports:
        """Return where everything listens."""
        return Ports(
            front=self._front_listener.port,
            admin=self._admin_listener.port,
            standins={name: listener.port for name, listener in self._listeners.items()},
        )

    def _admin_routes(self) -> list[BaseRoute]:
        standins = [
            Mount(
                f"/standins/{name}",
                routes=[
                    *standin.admin_routes(),
                    Route("/listening", self._put_listening(name), methods=["PUT"]),
                    Route("/api-keys", self._put_api_keys(name), methods=["PUT"]),
                ],
            )
            for name, standin in self._standins.items()
        ]
        return [*standins, Route("/front", self._put_front, methods=["PUT"])]

    async def _put_front(self, request: Request) -> Response:
        try:
            self._front.api_id = _Deployed.model_validate_json(await request.body()).api_id
        except ValidationError as error:
            return refused(error)
        return JSONResponse({"apiId": self._front.api_id})

    def _put_listening(self, name: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            listener = self._listeners[name]
            try:
                wanted = _Listening.model_validate_json(await request.body()).listening
            except ValidationError as error:
                return refused(error)
            await (listener.start() if wanted else listener.stop())
            return JSONResponse({"listening": listener.listening})

        return endpoint

    def _put_api_keys(self, name: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            standin = self._standins[name]
            try:
                api_keys = _ApiKeys.model_validate_json(await request.body()).api_keys
            except ValidationError as error:
                return refused(error)
            if not isinstance(standin, Finance | Audit):
                return JSONResponse({"message": f"The {name} asks for no key."}, 400)
            standin.api_keys = api_keys
            return Response(status_code=204)

        return endpoint


def _listening_socket(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; left on, every
    # answer with a body would wait 40 ms for an acknowledgement.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _write_at_once(path: Path, text: str) -> None:
    aside = path.with_suffix(".writing")
    aside.write_text(text)
    aside.replace(path)


def _end_with_owner(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Wait for the owner: one byte sets us free, end of file means it is gone."""
    if not os.read(0, 1):
        loop.call_soon_threadsafe(ended.set)


async def _main(arguments: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    threading.Thread(target=_end_with_owner, args=(loop, ended), daemon=True).start()
    standins = [
        Finance(os.environ[KEY_VARIABLES["finance"]]),
        Audit(os.environ[KEY_VARIABLES["audit"]]),
        Receiver(),
    ]
    front = Front(arguments.endpoint_url)
    listener = Listener(front.app, arguments.front_port, or_any_port=arguments.or_any_port)
    await Services(front, standins, listener).serve(arguments.ready, ended)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra.services", description=__doc__)
    parser.add_argument("--ready", type=Path, required=True, help="file the ports are written to")
    parser.add_argument("--front-port", type=int, required=True, help="0: any free one")
    parser.add_argument("--or-any-port", action="store_true", help="if that port is taken")
    parser.add_argument("--endpoint-url", required=True, help="the embedded cloud")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
