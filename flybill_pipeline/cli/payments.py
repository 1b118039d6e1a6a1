"""The commands about payments: read them once, or receive them as Stripe pushes them. They decide nothing."""

import sys
from typing import TYPE_CHECKING, Any

import click

from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.render import console
from flybill_pipeline.cli.render import payments as payment_console
from flybill_pipeline.cli.sessions import running, toolbox
from flybill_pipeline.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from flybill_pipeline.operating.runs import Runner


@click.command()
@as_json
def payments(json_wanted: bool) -> None:
    """Read what became of the invoices at Stripe: paid, failed, voided, disputed. Safe to repeat at any time."""
    with running() as runner:
        before = runner.toolbox.payments.counts()
        runner.read_payments()
        answer = _answer(runner, before)
        show(json_wanted, answer, lambda: click.echo(answer["message"]))
        console.show_failed_runs(runner.failed)
        sys.exit(1 if runner.failed else 0)


def _answer(runner: "Runner", before: tuple[int, int]) -> dict[str, Any]:
    poll, after = runner.toolbox.payments.poll(), runner.toolbox.payments.counts()
    new, not_ours = (there - were for there, were in zip(after, before, strict=True))
    data = payment_console.poll_data(poll)
    return {"new": new, "not_ours": not_ours, **data, "message": f"{new} new observations. {data['freshness']}"}


@click.command()
@click.option("--port", default=12112, show_default=True, help="Where Stripe's messages arrive, on this machine only.")
def webhooks(port: int) -> None:
    """Receive what Stripe pushes, until Ctrl-C. Needs STRIPE_WEBHOOK_SECRET; put a proxy with TLS in front."""
    from flybill_pipeline.serving import webhooks as receiver

    settings = load_settings()
    if settings.stripe_webhook_secret is None:
        raise SettingsError("STRIPE_WEBHOOK_SECRET is not set: it is shown with the endpoint in Stripe's dashboard")
    secret = settings.stripe_webhook_secret.get_secret_value()
    with toolbox(settings) as tools:
        receiver.serve(tools, secret, live=settings.stripe_live, port=port, say=click.echo)


PAYMENT_COMMANDS = (payments, webhooks)
