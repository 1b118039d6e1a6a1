"""What made a bill another than the one before: the differences add up, whatever the bills are shown by."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.changes import changes
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.words.changes import difference_words
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline_tests.exports.statements import line

Part = tuple[str, int]
"""An app and its cents."""


def shown(meter: str, *parts: Part, by: str = "app", unit: str = "second") -> LineItem:
    """A line that is shown by apps; each second costs a cent."""
    portions = tuple(Portion({by: name}, Decimal(minor), minor) for name, minor in parts)
    whole = sum(minor for _, minor in parts)
    return line(whole, meter=meter, title=meter.title(), portions=portions, quantity=Decimal(whole), unit=unit)


def other(kind: str, minor: int) -> LineItem:
    return line(minor, kind=kind, meter=None, title=None, unit=None)


def told(now: Sequence[LineItem], before: Sequence[LineItem]) -> list[tuple[str | None, dict[str, str], int]]:
    return [(each.title or each.kind, dict(each.dimensions), each.more_minor) for each in changes(now, before)]


def test_the_app_that_made_the_difference_comes_first() -> None:
    before = [shown("machines", ("web", 10_00), ("worker", 5_00)), other("discount", -2_00), other("one_off", 1_00)]
    now = [shown("machines", ("web", 11_00), ("worker", 45_00)), other("discount", -4_00), other("one_off", 1_00)]
    assert told(now, before) == [
        ("Machines", {"app": "worker"}, 40_00),
        ("discount", {}, -2_00),
        ("Machines", {"app": "web"}, 1_00),
    ]
    first = changes(now, before)[0]
    assert (first.after.quantity, first.before.quantity, first.unit) == (Decimal(45_00), Decimal(5_00), "second")


def test_what_is_new_and_what_is_gone_is_told_by_its_name() -> None:
    assert told([shown("gpu", ("web", 9_00))], [shown("disk", ("db", 4_00))]) == [
        ("Gpu", {"app": "web"}, 9_00),
        ("Disk", {"app": "db"}, -4_00),
    ]


def test_what_was_shown_by_other_names_is_compared_as_a_whole() -> None:
    """Else a price that is shown by its apps from this month on would seem to be all new."""
    assert told([shown("disk", ("db", 4_00), ("web", 1_00))], [line(3_00, meter="disk", title="Disk")]) == [
        ("Disk", {}, 2_00)
    ]


def test_corrections_of_all_products_together_are_told_without_a_quantity() -> None:
    """9 hours that came late were $7.20 "for 0 hours", as was what another price took back."""
    late = line(7_20, kind="adjustment", meter="cpu", title="Machines", quantity=Decimal(9), unit="hour")
    (change,) = changes([late], [])
    said = say(ENGLISH, difference_words(change, "usd"))
    assert said == "$7.20 more: $7.20 instead of $0.00"


def test_quantities_of_other_units_are_not_compared() -> None:
    (change,) = changes([shown("disk", ("db", 4_00), unit="GB")], [shown("disk", ("db", 3_00), unit="GiB")])
    assert change.unit is None


PARTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-500, 500)), max_size=3)
LINES = st.lists(
    st.one_of(
        st.builds(
            lambda meter, parts, by: shown(meter, *parts, by=by),
            st.sampled_from(["m", "n"]),
            PARTS,
            st.sampled_from(["app", "region"]),
        ),
        st.builds(other, st.sampled_from(["discount", "credit", "adjustment", "unheard_of"]), st.integers(-500, 500)),
    ),
    max_size=5,
)


@given(LINES, LINES)
def test_the_differences_add_up_to_that_of_the_bills(now: list[LineItem], before: list[LineItem]) -> None:
    found = changes(now, before)
    assert sum(each.more_minor for each in found) == total_minor(now) - total_minor(before)
    assert [abs(each.more_minor) for each in found] == sorted((abs(each.more_minor) for each in found), reverse=True)
    assert changes(now, now) == []
