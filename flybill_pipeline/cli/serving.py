"""The commands that serve until Ctrl-C, and the links to what is served: Dagster's UI, the stand-in Stripe, what Stripe
pushes, the pages of who is billed. No server is here.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import toolbox, usable_settings
from flybill_pipeline.serving.ports import require_free, require_ports
from flybill_pipeline.settings import SettingsError
from flybill_pipeline.toolbox.ready import ready

if TYPE_CHECKING:
    from flybill_pipeline.toolbox.tools import Toolbox
    from flybill_pipeline.web.links import Links


@click.command()
@click.option("--port", default=3000, show_default=True, help="Where Dagster's UI listens, on this machine only.")
@click.option("--read-only-port", type=int, help="Where it may only be looked at.  [default: the port after it]")
def up(port: int, read_only_port: int | None) -> None:
    """Serve Dagster's UI with everything it needs on this machine, until Ctrl-C."""
    from flybill_pipeline.serving import up as server

    looked_at = port + 1 if read_only_port is None else read_only_port
    named = usable_settings()
    require_ports(port, looked_at, options=server.PORT_OPTIONS)
    with ready(named) as settings:
        # Whoever looks at this machine's UI wants to see it work; a server of its own begins with everything off.
        automated = settings.model_copy(update={"automation": True})
        sys.exit(server.serve(automated, port, looked_at))


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

    settings = usable_settings()
    if settings.stripe_webhook_secret is None:
        raise SettingsError("STRIPE_WEBHOOK_SECRET is not set: it is shown with the endpoint in Stripe's dashboard")
    require_ports(port)
    require_free(port)
    secret = settings.stripe_webhook_secret.get_secret_value()
    with toolbox(settings) as tools:
        receiver.serve(tools, secret, live=settings.stripe_live, port=port, say=screen.line)


@click.command()
@click.option("--port", default=3080, show_default=True, help="Where the pages are, on this machine only.")
def web(port: int) -> None:
    """Serve the pages of the developers who are billed, until Ctrl-C; put a proxy with TLS in front.

    `flybill link ORG` makes the link that opens them.
    """
    from flybill_pipeline.web.pages import application
    from flybill_pipeline.web.server import serve

    settings = usable_settings()
    require_ports(port)
    require_free(port)
    with toolbox(settings) as tools:
        serve(application(tools, _links(tools), settings.web_url), port, screen.line)


@click.command()
@click.argument("org")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400), help="How long the link holds.")
@click.option("--revoke", is_flag=True, help="End all links of ORG instead.")
def link(org: str, days: int, revoke: bool) -> None:
    """A signed link to the pages of ORG, for its developers alone: who has it sees what ORG owes.

    As a bearer token, its last part opens the same as JSON.
    """
    from flybill_pipeline.questions.organizations import organizations

    with toolbox(usable_settings()) as tools:
        organizations(tools, [org])
        links, now = _links(tools), tools.now()
        if revoke:
            screen.line(f"{screen.counted(links.revoke(org, now), 'link')} ended.")
            return
        token = links.make(org, days, now)
        screen.line(f"Whoever has this link sees what {org} owes, for {days} days; --revoke ends it before.")
        screen.line(f"{tools.settings.web_url}/link/{token}")


def _links(tools: "Toolbox") -> "Links":
    """Links that are signed with this deployment's secret."""
    from flybill_pipeline.web.links import Links, home_secret

    named = tools.settings.link_secret
    return Links(tools.page_links, named.get_secret_value() if named else home_secret(tools.settings.home))


SERVING = (up, emulator, webhooks, web, link)
