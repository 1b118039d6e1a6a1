"""What an invoice is recognized by: its content hash, which may never change its meaning, and the working in it."""

import hashlib
import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.invoice import content_hash
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep, working_data, working_text

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**19), max_value=10**19)
OFTEN_SHARED = st.sampled_from((Decimal("1E+4"), Decimal("1.50"), Decimal("1.5"), Decimal("-0")))
NUMBERED = [name for name in WorkingStep._fields if name not in ("step", "amount", "note")]
STEPS = st.builds(
    WorkingStep,
    step=st.sampled_from(("tier", "rounding")),
    amount=NUMBERS,
    note=st.none() | st.text(),
    **dict.fromkeys(NUMBERED, st.none() | NUMBERS | OFTEN_SHARED),
)


def line(
    working: tuple[WorkingStep, ...], description: str = "gb · é", quantity: Decimal = Decimal("125.50")
) -> LineItem:
    return LineItem(
        kind="usage",
        line_id="0123456789abcdef01234567",
        meter="gb",
        dimensions={"size": "xl", "region": '"quoted"'},
        service_month=Month(2026, 10),
        quantity=quantity,
        unit="GB",
        amount=Decimal("2.3825"),
        amount_minor=238,
        currency="usd",
        description=description,
        working=working,
    )


def test_the_hash_of_an_invoice_is_the_same_for_ever() -> None:
    """Finalized invoices hold hashes of this kind: if this fails, `verify` calls every one of them changed."""
    step = WorkingStep("tier", Decimal("2.00"), Decimal(100), Decimal("0.02"), Decimal(0), Decimal(0), Decimal("1E+2"))
    noted = WorkingStep("proration", Decimal("0.3825"), note='21 of 31 days, "é"')
    assert (
        content_hash("acme", "usd", [line((step, noted)), line(())])
        == "44ceebeba67cfd4edcb8fc278af65ef66efc6feab1bcff02dd5674dd9e98d1d2"
    )


def test_what_a_line_is_shown_by_is_told_too() -> None:
    shown = [line(())._replace(portions=(Portion({"app": "web"}, Decimal(1), amount),)) for amount in (237, 238)]
    assert len({content_hash("acme", "usd", [each]) for each in (*shown, line(()))}) == 3
    assert content_hash("acme", "usd", shown[1:]) == "fff026dd184068ae2ae6ff65d560abc11b05ae62a515789e4578c7b981351135"


@given(st.text(), st.lists(st.tuples(st.lists(STEPS, max_size=3), st.text()), max_size=3))
def test_it_is_of_one_json_text_of_all_that_the_customer_is_told(
    org_id: str, told: list[tuple[list[WorkingStep], str]]
) -> None:
    lines = [line(tuple(steps), description) for steps, description in told]
    content = [
        [
            each.line_id,
            each.kind,
            each.meter,
            sorted(each.dimensions.items()),
            "2026-10",
            plain(each.quantity),
            each.unit,
            each.amount_minor,
            each.currency,
            each.description,
            [sorted(step.items()) for step in working_data(each.working)],
        ]
        for each in lines
    ]
    text = json.dumps([org_id, "usd", content], separators=(",", ":"), ensure_ascii=True)
    assert content_hash(org_id, "usd", lines) == hashlib.sha256(text.encode()).hexdigest()


@given(st.lists(STEPS, max_size=4))
def test_the_working_as_text_says_what_it_says_as_data(steps: list[WorkingStep]) -> None:
    text = working_text(steps)
    assert json.loads(text.data) == working_data(steps)
    assert [dict(pairs) for pairs in json.loads(text.pairs)] == working_data(steps)
