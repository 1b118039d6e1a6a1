"""A bill by app, or by whatever else its usage has a value of, sums to the bill."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.pricing.breakdowns import Breakdown, Share, breakdowns
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline_tests.billing.pricing.books import line

VALUES = st.dictionaries(st.sampled_from(["app", "region"]), st.sampled_from(["", "web", "db", "fra"]), max_size=2)
MINOR = st.integers(-500, 5000)
PORTIONS = st.lists(st.builds(Portion, VALUES, st.just(Decimal(1)), MINOR), max_size=4)
METERS = st.sampled_from(["seconds", "gb", None])


def of(meter: str | None, minor: int, values: dict[str, str], portions: list[Portion] | None = None) -> LineItem:
    """A line; what it is shown by sums to it. Without a meter it is no usage."""
    shown = portions or []
    whole = sum(each.amount_minor for each in shown) if shown else minor
    return line(whole)._replace(meter=meter, dimensions=values, portions=tuple(shown))


def test_an_app_is_found_in_lines_and_in_what_shows_them() -> None:
    shown = [Portion({"app": "web"}, Decimal(2), 200), Portion({"app": ""}, Decimal(1), 50)]
    lines = [of("seconds", 0, {"region": "fra"}, shown), of("gb", 700, {"app": "db"}), of("gb", 100, {"app": "web"})]
    lines += [of(None, 2900, {"plan": "pro"}), of(None, 2900, {"plan": "pro"}), of("requests", 5, {})]
    by_app = Breakdown("app", [Share("db", 700), Share("web", 300)], 55, 5800)
    assert [each for each in breakdowns(lines) if each.name == "app"] == [by_app]
    assert {each.name for each in breakdowns(lines)} == {"app", "region"}


def test_two_prices_of_one_product_are_added_up() -> None:
    sizes = [of("seconds", 1, {"app": "web", "size": size}) for size in ("small", "large")]
    lines = [*sizes, of("seconds", 5, {"app": "db", "size": "small"})]
    assert breakdowns(lines)[0] == Breakdown("app", [Share("db", 5), Share("web", 2)], 0, 0)


def test_what_the_lines_say_is_not_said_again() -> None:
    apps = [of("gb", 1, {"app": "web"}), of("gb", 2, {"app": "db"})]
    assert breakdowns(apps) == []
    assert breakdowns(apps, beside_lines=False) == [Breakdown("app", [Share("db", 2), Share("web", 1)], 0, 0)]
    assert breakdowns([of("gb", 1, {"app": "web"}), of("seconds", 2, {"app": "web"})]) == []


@given(st.lists(st.builds(of, METERS, MINOR, VALUES, PORTIONS), max_size=6), st.booleans())
def test_each_breakdown_sums_to_the_bill(lines: list[LineItem], beside_lines: bool) -> None:
    for each in breakdowns(lines, beside_lines=beside_lines):
        values = [share.value for share in each.shares]
        assert len(set(values)) == len(values)
        named = sum(share.amount_minor for share in each.shares)
        assert named + each.without_minor + each.others_minor == total_minor(lines)
        assert each.others_minor == total_minor(line for line in lines if line.meter is None)
