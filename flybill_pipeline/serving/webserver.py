"""Dagster's webserver behind the guard, as one process: a writable address and a read-only one. What passes: `guard`.

The guard wraps Dagster's application inside its process, so there is no port behind it that could be spoken to. What
`dagster-webserver` does is repeated here with the same parts, since it serves its application bare. `flybill up` starts
it; in production it stands behind a proxy with a login, which `--origin` names (deploy/README.md).
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import click
import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.types import ASGIApp, Receive, Scope, Send

from flybill_pipeline.defs.checks.month import MONTH_IS_BILLED
from flybill_pipeline.serving.check_states import remember_check_states
from flybill_pipeline.serving.guard import Guard
from flybill_pipeline.serving.partitions_asked import PartitionsAsked

STATEMENT_MS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW = 15_000, 3600, 20
"""Of the database connections: the defaults of dagster-webserver."""
LIVE_DATA_POLL_MS = 2000
CLOSING_SECONDS = 3


def local_origins(port: int) -> list[str]:
    """The origins that a browser on this machine knows a port by."""
    return [f"http://localhost:{port}", f"http://127.0.0.1:{port}"]


class ByPort:
    """One server on several ports: each has its own application."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on to the application of the port that was spoken to."""
        await self._apps[scope["server"][1]](scope, receive, send)


@contextmanager
def guarded(workspace: str, origins: Sequence[str], *, read_only: bool) -> Iterator[Guard]:
    """Yields Dagster's application for the code that `workspace` (a file) names, behind the guard."""
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        remember_check_states(instance)
        with WorkspaceProcessContext(
            instance, WorkspaceFileTarget(paths=[workspace]), version=__version__, read_only=read_only
        ) as context:
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=LIVE_DATA_POLL_MS)
            yield Guard(app, origins, read_only=read_only, judge=PartitionsAsked(context).answer)


@click.command()
@click.option("-w", "--workspace", required=True, help="The workspace file that names the code server.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, help="Of the writable address; left out, there is none.")
@click.option("--read-only-port", type=int, help="Of the read-only address; left out, there is none.")
@click.option("--origin", "origins", multiple=True, help="Under which the writable address is opened; may be repeated.")
@click.option("--read-only-origin", "read_only_origins", multiple=True, help="The same for the read-only address.")
def main(
    workspace: str,
    host: str,
    port: int | None,
    read_only_port: int | None,
    origins: tuple[str, ...],
    read_only_origins: tuple[str, ...],
) -> None:
    """Serve Dagster's UI behind the guard, until SIGTERM."""
    wanted = ((port, origins, False), (read_only_port, read_only_origins, True))
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        apps: dict[int, ASGIApp] = {}
        for number, names, read_only in wanted:
            if number is not None:
                allowed = [*local_origins(number), *(name.rstrip("/").lower() for name in names)]
                apps[number] = stack.enter_context(guarded(workspace, allowed, read_only=read_only))
                sockets.append(stack.enter_context(socket.create_server((host, number), backlog=128)))
                month = f"{allowed[-1]}/assets/{MONTH_IS_BILLED.asset}"
                click.echo(f"Dagster's UI{', read-only' if read_only else ''}: {allowed[-1]}; look first at {month}")
        if not sockets:
            raise click.UsageError("name --port, --read-only-port or both")
        config = uvicorn.Config(
            ByPort(apps),
            log_level="warning",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
