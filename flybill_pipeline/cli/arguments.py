"""What a person may type as an argument: its types, and refusals that say what to type instead. No commands here."""

import os
import pwd
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.quantities import QuantityError, read_quantity
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.cli.sessions import usable_settings


class MonthType(click.ParamType[Month]):
    """A month on the command line, such as 2026-10."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        try:
            return value if isinstance(value, Month) else Month.asked(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class MomentType(click.ParamType[datetime]):
    """A moment with its time zone, such as 2026-10-31T23:00:00Z."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            return self.fail(f"{value!r} is no moment; write it like 2026-10-31T23:00:00Z", param, ctx)
        return (
            moment
            if moment.tzinfo
            else self.fail(f"{value} names no time zone; write it like 2026-10-31T23:00:00Z", param, ctx)
        )


class Utf8Type(click.types.StringParamType):
    """A text that can be stored and sent: bytes that are no UTF-8 name nobody."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(super().convert(value, param, ctx))
        try:
            text.encode()
        except UnicodeEncodeError:
            return self.fail(f"{ascii(text)[:60]} is no text in UTF-8", param, ctx)
        return text


def take_utf8(command: click.Command) -> None:
    """Lets the command, and those of a group, take no text that is not UTF-8. The name of a file may be any."""
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = UTF8
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        take_utf8(each)


UTF8 = Utf8Type()
COUNT = click.IntRange(0, 2**31 - 1)
NUMBER = click.IntRange(1, 2**31 - 1)
MONTH = MonthType()
LANGUAGE = click.Choice(list(LANGUAGES))
MOMENT = MomentType()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PATH = click.Path(exists=True, path_type=Path)


def require_billable(month: Month) -> None:
    """Refuses months that have not ended, and those before the first one that this deployment bills."""
    now = datetime.now(UTC)
    if now < month.start:
        raise click.UsageError(f"{month} has not begun yet: there is nothing to bill before {month.end.date()} (UTC).")
    if now < month.end:
        raise click.UsageError(
            f"{month} is still running: it ends on {month.last_day} (UTC) and cannot be billed before. "
            f"`flybill owes ORG --month {month}` shows what an organization owes so far."
        )
    first = usable_settings().first_month
    if month < Month.parse(first):
        raise click.UsageError(f"{month} is before the first month that is billed here (FLYBILL_FIRST_MONTH={first}).")


def months_through(first: Month, last: Month) -> list[Month]:
    """The months from `first` through `last`. Refuses a last one that is before it, or cannot be billed yet."""
    require_billable(last)
    if last < first:
        raise click.BadParameter(f"{last} is before {first}", param_hint="--through")
    return first.through(last)


def quantity_of(text: str) -> Decimal:
    """The quantity that `text` writes, as usage files may hold it; a usage error for anything else."""
    try:
        return read_quantity(text)
    except QuantityError as error:
        raise click.BadParameter(str(error), param_hint="--quantity") from error


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """`k=v` texts as a mapping; a usage error for anything else."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form name=value", param_hint="--dimension")
        values[name] = value
    return values


def login_name() -> str:
    """The name under which this machine knows who types; its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
