"""So many of a unit, as a line says it."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.pricing.descriptions import counted_in


@pytest.mark.parametrize(
    ("unit", "several"),
    [
        ("seat", "2 seats"),
        ("GB-hour", "2 GB-hours"),
        ("address", "2 addresses"),
        ("box", "2 boxes"),
        ("batch", "2 batches"),
        ("query", "2 queries"),
        ("API entry", "2 API entries"),
        ("day", "2 days"),
        ("key", "2 keys"),
        ("requests", "2 requests"),  # the plural was written already
        ("units", "2 units"),
        ("GB", "2 GB"),
        ("vCPU", "2 vCPU"),
        ("", "2 "),
    ],
)
def test_several_of_a_unit_are_said_as_people_say_them(unit: str, several: str) -> None:
    assert counted_in(unit, Decimal(2)) == several
    assert counted_in(unit, Decimal(1)) == f"1 {unit}"


@pytest.mark.parametrize("quantity", ["0", "1.5", "-2"])
def test_all_but_one_are_several(quantity: str) -> None:
    assert counted_in("query", Decimal(quantity)) == f"{quantity} queries"
