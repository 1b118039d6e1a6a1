"""Two small months with everything that happens to usage and organizations, as files and rows. No assertions here."""

from flybill_pipeline_tests.worlds.deployment import Flybill, event

FIRST, SECOND = "2025-09", "2025-10"

USD = """
effective_from = 2025-01-01
currency = "usd"
[meters.seconds]
aggregation = "sum"
unit = "second"
[meters.builds]
aggregation = "sum"
unit = "build minute"
divide_by = 60
round = "up"
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = 0.01
[[prices]]
meter = "seconds"
match = { region = "syd" }
model = "graduated"
tiers = [ { up_to = 100, unit_amount = 0.02 }, { unit_amount = 0.015 } ]
[[prices]]
meter = "builds"
model = "per_unit"
unit_amount = 0.1
"""
EUR = USD.replace('"usd"', '"eur"')

ORGS = {
    "acme": "usd",  # everything that can happen to rows
    "bolt": "usd",  # an ordinary month
    "cirrus": "usd",  # no usage
    "dorado": "usd",  # below the minimum
    "ember": "usd",  # more corrections than usage
    "fjord": "usd",  # a meter without a price
    "gobi": "eur",  # another currency
    "yen": "jpy",  # no price book in its currency
    "twin": "usd",  # one id on two days
}

# Reason → the row that has it; each would bill acme if it were let through.
GOOD = event("never", "acme", 1, f"{FIRST}-05T00:00:00Z")
BAD_ROWS = {
    "event_id_missing": {**GOOD, "id": None},
    "org_missing": {**GOOD, "id": "b1", "org": " "},
    "meter_missing": {**GOOD, "id": "b2", "meter": None},
    "quantity_missing": {**GOOD, "id": "b3", "quantity": None},
    "quantity_not_a_number": {**GOOD, "id": "b4", "quantity": "12 s"},
    "quantity_not_finite": {**GOOD, "id": "b5", "quantity": "NaN"},
    "quantity_too_precise": {**GOOD, "id": "b6", "quantity": "0.0000000000000000001"},
    "quantity_too_large": {**GOOD, "id": "b7", "quantity": "1" + "0" * 20},
    "time_missing": {**GOOD, "id": "b8", "at": None},
    "time_unreadable": {**GOOD, "id": "b9", "at": "yesterday"},
    "clock": {**GOOD, "id": "b10", "at": "2525-01-01T00:00:00Z"},
}
NEGATIVE_CSV = f"id,org,seconds,at\nm1,bolt,50,{FIRST}-08T00:00:00Z\nm2,bolt,-50,{FIRST}-08T00:00:00Z\n"


def prepare(flybill: Flybill) -> None:
    """Prices and organizations."""
    flybill.prices("usd.toml", USD)
    flybill.prices("eur.toml", EUR)
    flybill.import_orgs([{"org_id": org, "name": org.title(), "currency": currency} for org, currency in ORGS.items()])


def land_first_month(flybill: Flybill) -> None:
    """Usage of the first month. What counts of acme: 300.5 (100 late), 150 in syd, 61 builds; bolt 250; twin 100."""
    day = f"{FIRST}-05T10:00:00Z"
    flybill.land(
        "week1.jsonl",
        [
            event("a1", "acme", "100.5", day),
            event("a2", "acme", 150, day, region="syd"),
            event("a3", "acme", 61, day, "builds"),
            event("a1", "acme", "100.5", day),  # twice in one file
            event("b1", "bolt", 200, day),
            event("d1", "dorado", 30, day),
            event("e1", "ember", 100, day),
            event("e2", "ember", -400, day),
            event("f1", "fjord", 500, day),
            event("f2", "fjord", 7, day, "rockets"),
            event("g1", "gobi", 100, day),
            event("y1", "yen", 100, day),
            event("t1", "twin", 100, day),
            event("s1", "stranger", 12, day),
            event("edge1", "acme", 100, f"{FIRST}-01T00:00:00Z"),  # the month's first instant
            event("edge2", "acme", 1000, "2025-08-31T23:59:59.999999Z"),  # the one before it
        ],
    )
    flybill.land("bad.jsonl", [*BAD_ROWS.values(), event("good", "acme", "0", day)])
    flybill.land(
        "garbage.jsonl",
        "not json at all\n"
        + "[1, 2]\n"
        + f'{{"id": "ok", "org": "acme", "meter": "seconds", "quantity": "0", "at": "{day}"}}\n',
    )
    flybill.land("machines.csv", NEGATIVE_CSV, source="machines")


def land_late_files(flybill: Flybill) -> None:
    """A file that comes after the first ones were read: a re-delivery, two conflicts, and 100 s of acme's, late."""
    flybill.land(
        "week1-again.jsonl",
        [
            event("a2", "acme", 150, f"{FIRST}-05T10:00:00Z", region="syd"),  # delivered again
            event("a1", "acme", "999", f"{FIRST}-05T10:00:00Z"),  # the same id, another quantity: the first stands
            event("t1", "twin", 100, f"{FIRST}-20T10:00:00Z"),  # the same id on another day: the first stands
            event("late1", "acme", 100, f"{FIRST}-02T00:00:00Z"),
        ],
    )


def land_second_month(flybill: Flybill) -> None:
    """What counts: acme 500, dorado 30 again, ember 1,000, fjord 100."""
    day = f"{SECOND}-31T23:59:59.999Z"
    flybill.land(
        "month2.jsonl",
        [
            event("n1", "acme", 500, day),
            event("n2", "dorado", 30, day),
            event("n3", "ember", 1000, day),
            event("n4", "fjord", 100, day),
        ],
    )
