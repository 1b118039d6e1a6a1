"""The command that hands an answer over as a file to keep. What is in the file: `exports`."""

from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.arguments import LANGUAGE, MONTH
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import toolbox, usable_settings
from flybill_pipeline.exports.files import keep
from flybill_pipeline.exports.forms import FOCUS, FORMS

STDOUT = Path("-")


@click.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option(
    "--format",
    "form",
    required=True,
    type=click.Choice([*FORMS, FOCUS]),
    help="For a spreadsheet, a program, a person, a FinOps tool.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file; - prints it. focus: the folder.")
@click.option("--language", "code", type=LANGUAGE, help="Default: the language of the organization, else en.")
def export(org: str, month: Month, form: str, out: Path, code: str | None) -> None:
    """Keep the statement of ORG's MONTH as a file, or its invoice as FOCUS datasets. Works while Stripe is down."""
    from flybill_pipeline.languages.chosen import language
    from flybill_pipeline.questions.owed import owed

    if form == FOCUS:
        _datasets(org, month, out)
        return
    with toolbox(usable_settings()) as tools:  # what is not read yet is looked for while it is written
        answer = owed(tools, org, month)
        text = FORMS[form](answer, language(code or answer.org.language))
    if out == STDOUT:
        screen.file_text(text)
    else:
        keep(text, out)
        screen.line(f"Wrote the statement of {org} for {month} ({answer.statement.state}) to {out}.")


def _datasets(org: str, month: Month, folder: Path) -> None:
    from flybill_pipeline.exports.focus.datasets import write
    from flybill_pipeline.questions.billed import billed

    if folder == STDOUT:
        raise click.UsageError("the datasets of focus are several files: name a folder for them in --out")
    settings = usable_settings()
    with toolbox(settings) as tools:
        answer = billed(tools, org, month)
    write(answer, settings.provider_name, folder)
    what = answer.invoice.number if answer.invoice else "no invoice"
    screen.line(f"Wrote what {org} was billed for {month} ({what}) to {folder} as the datasets of FOCUS 1.4.")


EXPORTING = (export,)
