"""Terms with a beginning: when what holds in a month began, when it ends, and what was known of it then."""

from datetime import UTC, datetime

import pytest

from flybill_pipeline.billing.invoicing.terms import Term, known_then, span_in
from flybill_pipeline.billing.money.period import Month

MONTH = Month(2025, 10)
AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (datetime(2025, month, 1, tzinfo=UTC) for month in (8, 9, 10, 11))
INSIDE = datetime(2025, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "span"),
    [
        ([(SEPTEMBER, "big")], (SEPTEMBER, None)),
        ([(SEPTEMBER, "big"), (INSIDE, None)], (SEPTEMBER, INSIDE)),
        ([(INSIDE, "big"), (NOVEMBER, "other")], (INSIDE, NOVEMBER)),
        ([(AUGUST, "big"), (SEPTEMBER, "big"), (NOVEMBER, "big")], (AUGUST, None)),
        ([(AUGUST, "big"), (SEPTEMBER, None), (OCTOBER, "big")], (OCTOBER, None)),
        ([(AUGUST, "one"), (SEPTEMBER, "big"), (INSIDE, "one"), (NOVEMBER, None)], (SEPTEMBER, NOVEMBER)),
    ],
)
def test_it_is_known_whatever_was_stated_in_between(
    terms: list[tuple[datetime, str | None]], span: tuple[datetime, datetime | None]
) -> None:
    assert span_in(tuple(Term(*term) for term in terms), MONTH) == span


def test_a_month_in_which_nothing_holds_has_none() -> None:
    ended = (Term(AUGUST, "big"), Term(OCTOBER, None), Term(NOVEMBER, "big"))
    with pytest.raises(ValueError, match="nothing holds in 2025-10"):
        span_in(ended, MONTH)


BIG, BIG_ENDS, ENDS_EARLIER, OTHER = (
    Term(SEPTEMBER, "big"),
    Term(NOVEMBER, None),
    Term(INSIDE, None),
    Term(OCTOBER, "other"),
)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (None, ()),
        ("big", (BIG, BIG_ENDS)),
        ("big from 2025-10-01 until 2025-10-15", (BIG, ENDS_EARLIER, BIG_ENDS)),
        ("other from 2025-10-01 until 2025-10-15", (BIG, OTHER, ENDS_EARLIER, BIG_ENDS)),
        ("nobody", None),
    ],
)
def test_what_was_known_of_contracts_is_found_by_what_they_were_called(
    name: str | None, known: tuple[Term, ...] | None
) -> None:
    assert known_then((BIG, BIG_ENDS, ENDS_EARLIER, OTHER), {MONTH: name}) == known
