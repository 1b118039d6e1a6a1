"""The command that hands an answer over as a file to keep. What is in the file: `exports`."""

from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.arguments import MONTH
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import toolbox
from flybill_pipeline.exports.files import keep
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.settings import load_settings

STDOUT = Path("-")


@click.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option(
    "--format", "form", required=True, type=click.Choice(list(FORMS)), help="For a spreadsheet, a program, a person."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file; - prints it.")
def export(org: str, month: Month, form: str, out: Path) -> None:
    """Keep the statement of ORG's MONTH as a file. Works while Stripe is down."""
    from flybill_pipeline.questions.owed import owed

    with toolbox(load_settings()) as tools:
        answer = owed(tools, org, month)
    text = FORMS[form](answer)
    if out == STDOUT:
        screen.file_text(text)
    else:
        keep(text, out)
        screen.line(f"Wrote the statement of {org} for {month} ({answer.statement.state}) to {out}.")


EXPORTING = (export,)
