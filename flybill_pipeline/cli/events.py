"""The commands of events for the platform: what was delivered, sending again, sending now. Nothing is told here."""

import sys
from datetime import datetime

import click

from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.arguments import NUMBER
from flybill_pipeline.cli.sessions import toolbox, usable_settings
from flybill_pipeline.settings import SettingsError

STATES = ("waiting", "delivered", "given_up")


@click.group()
def events() -> None:
    """Events for the platform: invoices, payments, holds, credits, budgets."""


@events.command("list")
@click.option("--org", "org_ids", multiple=True, help="Only this organization; may be repeated.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="May be repeated.")
@click.option("--limit", default=50, show_default=True, type=NUMBER)
@as_json
def list_events(org_ids: tuple[str, ...], states: tuple[str, ...], limit: int, json_wanted: bool) -> None:
    """What was told, the newest first: when it was tried, how often, and what the receiver answered."""
    from flybill_pipeline.cli.render.events import events_data, show_events

    with toolbox(usable_settings()) as tools:
        found = tools.events.all(org_ids, states, limit)
    show(json_wanted, events_data(found), lambda: show_events(found))


@events.command()
@click.argument("event_ids", nargs=-1, metavar="[EVENT]...")
@click.option("--org", "org_ids", multiple=True, help="Events of this organization; may be repeated.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Events from this UTC day on.")
@as_json
def replay(event_ids: tuple[str, ...], org_ids: tuple[str, ...], since: datetime | None, json_wanted: bool) -> None:
    """Let events be sent again, with the same id and content: those named, or those that the options choose."""
    from datetime import UTC

    from flybill_pipeline.cli.render.screen import counted, line

    if not (event_ids or org_ids or since):
        raise click.UsageError("Name events, or choose some with --org or --since.")
    with toolbox(usable_settings()) as tools:
        count = tools.events.replay(event_ids, org_ids, since and since.replace(tzinfo=UTC))
    none = "No event is like that: `flybill events list` has the ids. Events are kept for 90 days."
    told = f"{counted(count, 'event')} will be sent again." if count else none
    show(json_wanted, {"replayed": count}, lambda: line(told))
    sys.exit(0 if count else 1)


@events.command("send")
@as_json
def send_events(json_wanted: bool) -> None:
    """Send what waits, at once: also what failed and would wait for its next attempt.

    By itself the sensor `outgoing` sends what is due.
    """
    from flybill_pipeline.cli.render.screen import counted, line
    from flybill_pipeline.defs.outgoing import send

    with toolbox(usable_settings()) as tools:
        if tools.platform is None:
            raise SettingsError("FLYBILL_EVENTS_URL is not set: events have nowhere to go")
        tools.events.hurry()
        sent, waiting = send(tools), tools.events.waiting()
    answer = {"delivered": sent.delivered, "failed": sent.failed, "waiting": waiting}
    told = f"{counted(sent.delivered, 'event')} delivered, {sent.failed} failed."
    more = f" {waiting} wait: `flybill events list --state waiting`." if waiting else ""
    show(json_wanted, answer, lambda: line(told + more))
    sys.exit(1 if sent.failed else 0)


EVENTS = (events,)
