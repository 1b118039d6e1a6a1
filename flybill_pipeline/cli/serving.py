"""The commands that serve until Ctrl-C: Dagster's UI, the stand-in Stripe, what Stripe pushes. No server is here."""

import os
import sys
from pathlib import Path

import click

from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import ready, toolbox
from flybill_pipeline.serving.ports import require_free
from flybill_pipeline.settings import SettingsError, load_settings


@click.command()
@click.option("--port", default=3000, show_default=True, help="Where Dagster's UI listens, on this machine only.")
@click.option("--read-only-port", type=int, help="Where it may only be looked at.  [default: the port after it]")
def up(port: int, read_only_port: int | None) -> None:
    """Serve Dagster's UI with everything it needs on this machine, until Ctrl-C."""
    from flybill_pipeline.serving import up as server

    with ready(load_settings()) as settings:
        # Whoever looks at this machine's UI wants to see it work; a server of its own begins with everything off.
        automated = settings.model_copy(update={"automation": True})
        sys.exit(server.serve(automated, port, read_only_port or port + 1))


@click.command()
@click.option("--port", default=12111, show_default=True, help="0 picks a free one.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this file; without it, in memory.")
@click.option("--account", help="The id of the account, such as acct_1trial. Without it one is made up.")
def emulator(port: int, state: Path | None, account: str | None) -> None:
    """Serve the stand-in Stripe alone, until Ctrl-C. Point STRIPE_API_BASE at the address that it prints."""
    require_free(port)
    if state is not None and not os.access(state.absolute().parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"{state.absolute().parent} is no folder that can be written to", param_hint="--state")
    command = [sys.executable, "-m", "flybill_pipeline.stripe_emulator", "--port", str(port)]
    command += ["--state", str(state)] if state else []
    os.execv(sys.executable, [*command, "--account", account] if account else command)  # noqa: S606


@click.command()
@click.option("--port", default=12112, show_default=True, help="Where Stripe's messages arrive, on this machine only.")
def webhooks(port: int) -> None:
    """Receive what Stripe pushes, until Ctrl-C. Needs STRIPE_WEBHOOK_SECRET; put a proxy with TLS in front."""
    from flybill_pipeline.serving import webhooks as receiver

    settings = load_settings()
    if settings.stripe_webhook_secret is None:
        raise SettingsError("STRIPE_WEBHOOK_SECRET is not set: it is shown with the endpoint in Stripe's dashboard")
    require_free(port)
    secret = settings.stripe_webhook_secret.get_secret_value()
    with toolbox(settings) as tools:
        receiver.serve(tools, secret, live=settings.stripe_live, port=port, say=screen.line)


SERVING = (up, emulator, webhooks)
