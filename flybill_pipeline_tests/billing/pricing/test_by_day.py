"""What a month's usage comes to by the end of each day is what the invoice's pricing makes of the days up to it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.by_day import minor_by_day, spent_by_day
from flybill_pipeline.billing.pricing.line_items import total_minor
from flybill_pipeline.billing.pricing.price_changes import books_of_month
from flybill_pipeline.billing.pricing.prices import Price, PriceBooks
from flybill_pipeline.billing.pricing.shares import Scope, share_minor
from flybill_pipeline.billing.pricing.usage_lines import price_days, price_month
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import OrgUsage, UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used
from flybill_pipeline_tests.worlds.effort import examples

GRADUATED = Price("minutes", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")), group_by=("region",))
GOLD = replace(per_unit("0.5"), minimum_spend=Decimal(7))
CALLS = Meter("calls", Aggregation.COUNT, "dozens", divide_by=Decimal(12), round=Rounding.UP)
OLD = book(per_unit("1"), GRADUATED, per_unit("3", "calls"), contracts={"gold": (GOLD,)})
OLD = replace(OLD, meters={**OLD.meters, "calls": CALLS})
NEW = replace(OLD, effective_from=date(2026, 10, 16), prices=(per_unit("2"), GRADUATED, per_unit("3", "calls")))
TOTALS = st.builds(
    lambda quantity, meter, day, region: used(str(quantity), meter, day, region=region)._replace(events=abs(quantity)),
    st.integers(-50, 200),
    st.sampled_from(["seconds", "minutes", "calls", "nobody's"]),
    st.integers(1, 20),
    st.sampled_from(["fra", "syd"]),
)
DAYS = [date(2026, 10, day) for day in range(1, 21)]
ALL: Scope = ()
FRA: Scope = (("region", "fra"),)


@settings(max_examples=examples(50))
@given(
    st.lists(TOTALS, max_size=12),
    st.booleans(),
    st.sampled_from([None, "gold", "unknown"]),
    st.sampled_from(DAYS),
    st.sampled_from([{ALL}, {FRA}, {ALL, FRA}]),
)
def test_each_day_has_the_lines_of_the_days_up_to_it(
    totals: list[UsageTotal], changes: bool, contract: str | None, since: date, scopes: set[Scope]
) -> None:
    found = books_of_month(PriceBooks((NEW, OLD) if changes else (OLD,)), "usd", OCTOBER)
    assert found is not None
    books = found.with_contract(contract)
    usage = OrgUsage("org-1", tuple(totals), OCTOBER.start.replace(day=20))
    days = dict(zip(DAYS, (priced.lines for priced in price_days(books, usage.totals, DAYS)), strict=True))
    for end, lines in days.items():
        up_to = [total for total in totals if total.day is not None and total.day <= end]
        wanted = price_month(books, up_to).lines
        assert [line._replace(description="") for line in lines] == [each._replace(description="") for each in wanted]
    assert minor_by_day(OCTOBER, books, usage) == [(end, total_minor(lines)) for end, lines in days.items()]
    by_scope = {scope: [(end, share_minor(lines, dict(scope))) for end, lines in days.items()] for scope in scopes}
    assert spent_by_day(OCTOBER, books, usage, scopes) == by_scope
    if not books.needs_days:
        usage = replace(usage, totals=tuple(each._replace(day=max(each.day or since, since)) for each in totals))
    last = {scope: spent[DAYS.index(since) :] for scope, spent in by_scope.items()}
    assert spent_by_day(OCTOBER, books, usage, scopes, since) == last
