"""Wrong ways to explain, reprice and verify. They exist in order to be caught, by the tests of test_why.py.

Belongs here: what is wrong, and where it is put. Which test must fail stands in test_why.py.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from unittest.mock import patch

from sqlalchemy import text

from flybill_pipeline.questions import explained as explaining
from flybill_pipeline.questions import repriced as repricing
from flybill_pipeline.questions import verified as verifying
from flybill_pipeline.steps.invoicing import verify_invoices
from flybill_pipeline.steps.invoicing.verify_invoices import SAME, Source
from flybill_pipeline.steps.pricing import explain_lines, reprice_month
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline.stores.usage.lake.lake import UsageLake


@dataclass(frozen=True)
class Bug:
    """`wrong` makes from the right function the one that stands in the place of `where`.`name`."""

    where: Any
    name: str
    wrong: Callable[[Any], Any]

    def planted(self) -> AbstractContextManager[Any]:
        """The bug, until the block ends."""
        return patch.object(self.where, self.name, self.wrong(getattr(self.where, self.name)))


def _without_dimensions(right: Any) -> Any:
    """Any price of the meter will do."""
    return lambda books, meter, dimensions, day: right(books, meter, {}, day)


def _twice(right: Any) -> Any:
    """What was delivered again is shown again."""
    return lambda *args, **kwargs: chain(right(*args, **kwargs), right(*args, **kwargs))


def _from_today(right: Any) -> Any:
    """The events of an invoice are those that count now."""
    return explaining._lakes_of_open


def _nothing_late(right: Any) -> Any:
    def changes(*args: Any) -> Iterator[Any]:
        yield from ()

    return changes


EXPLAINS_WITHOUT_LATE_ROWS = Bug(explain_lines, "_changes", _nothing_late)
EXPLAINS_FROM_TODAY = Bug(explaining, "_lakes_of_settled", _from_today)
EXPLAINS_OTHER_LINES_EVENTS = Bug(explain_lines, "usage_line_id", _without_dimensions)
EXPLAINS_DUPLICATES = Bug(UsageLake, "events", _twice)
EXPLAINS_WITHOUT_LEVEL = Bug(explain_lines, "_level", lambda right: lambda *args: None)


def _writing(right: Any) -> Any:
    """Asking what if leaves a trace in the drafts."""

    def repriced(tools: Any, *args: Any) -> Any:
        with tools.engine.begin() as connection:
            connection.execute(text("update flybill.drafts set total_minor = total_minor"))
        return right(tools, *args)

    return repriced


def _those_in_force(right: Any) -> Any:
    """The other books are never looked at."""
    return lambda prices: right(prices.parent / "prices")


REPRICES_AND_WRITES = Bug(repricing, "repriced", _writing)
REPRICES_BY_THE_SAME_BOOKS = Bug(repricing, "load_price_books", _those_in_force)
REPRICES_SILENTLY = Bug(reprice_month, "_repriced", lambda right: lambda *args: replace(right(*args), problems=[]))
REPRICES_WITHOUT_METERS = Bug(reprice_month, "_by_meter", lambda right: lambda draft: {"": draft.total_minor})


def _never_priced(right: Any) -> Any:
    """What is compared with the invoice is the invoice."""
    return lambda month, invoice, *args: invoice.lines


def _by_usage_of_today(right: Any) -> Any:
    return lambda tools, month, priced_from: Source(tools.usage, {}, None)


def _without_hash(right: Any) -> Any:
    """Lines that are priced the same are the same, whatever was hashed."""
    return lambda invoice, again, **known: replace(right(invoice, again, **known), verdict=SAME)


def _terms_of_today(right: Any) -> Any:
    """Whoever has a contract dated back is told that it held when the month was billed."""
    return lambda organizations, month, *args, **only: organizations.terms(*args, **only)


ASKS_BY_TERMS_OF_TODAY = Bug(Organizations, "terms_when_billed", _terms_of_today)
VERIFIES_NOTHING = Bug(verify_invoices, "_priced_again", _never_priced)
VERIFIES_BY_USAGE_OF_TODAY = Bug(verifying, "_source", _by_usage_of_today)
VERIFIES_WITHOUT_HASH = Bug(verify_invoices, "_verdict", _without_hash)
VERIFIES_AND_IS_CONTENT = Bug(verifying.VerifiedMonth, "all_the_same", lambda right: property(lambda month: True))
