"""Lines below zero are taken off those above: the same sum, in whole steps, and no line below zero."""

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.netting import netted, shares
from flybill_pipeline.billing.sync.values import SyncLine

MONTH = Month(2026, 10)
amounts = st.lists(st.integers(-500, 500) | st.integers(-(10**9), 10**9), min_size=1, max_size=12)


def lines_of(amounts: list[int]) -> list[SyncLine]:
    return [SyncLine(f"line{n}", "usage", "meter", MONTH, amount, f"line {n}") for n, amount in enumerate(amounts)]


@given(amounts, st.sampled_from(["usd", "jpy", "kwd", "isk"]))
def test_the_sum_stays_and_no_line_is_below_zero(steps: list[int], currency: str) -> None:
    step = currency_of(currency).step
    lines = lines_of([each * step for each in steps])
    total = sum(line.amount_minor for line in lines)
    after = netted(lines, currency)
    assert sum(line.amount_minor for line in after) == total
    if total > 0:
        assert all(line.amount_minor >= 0 and line.amount_minor % step == 0 for line in after)
        assert [line.line_id for line in after] == [line.line_id for line in lines if line.amount_minor >= 0]
    if min(steps) >= 0:
        assert after == tuple(lines)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=9), st.data())
def test_shares_are_whole_and_within_one_of_what_is_due(weights: list[int], data: st.DataObject) -> None:
    total = sum(weights)
    amount = data.draw(st.integers(0, max(total - 1, 0)))
    if not total:
        return
    parts = shares(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total
        assert 0 <= part <= weight


def test_what_was_taken_off_stands_on_the_line() -> None:
    lines = lines_of([1000, 500, -300])
    assert [(line.amount_minor, line.description) for line in netted(lines, "usd")] == [
        (800, "line 0, less $2.00 of credits and discounts"),
        (400, "line 1, less $1.00 of credits and discounts"),
    ]
