"""The price books of the year: every model, meter and limit, in four currencies. What they come to is the oracle's."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Money:
    """How one currency counts: minor units of a whole, the step and minimum of an amount, what a dollar is in it."""

    per_major: int
    step: int
    minimum: int
    dollar: int


MONEY: Mapping[str, Money] = {
    "usd": Money(100, 1, 50, 1),
    "eur": Money(100, 1, 50, 1),
    "jpy": Money(1, 1, 50, 100),
    "kwd": Money(1000, 10, 0, 1),
}

# First day → amounts in dollars. Two books begin in mid-month; the one of September changes nothing that has limits.
_FIRST = {
    "seconds": "0.0137",
    "partner": "0.0111",
    "builds": "0.0725",
    "syd": "0.031",
    "syd_more": "0.0195",
    "seats": "2.5",
    "seats_more": "2",
    "seats_fee": "1.5",
    "disk": "0.0021",
    "users": "1.75",
    "visitors": "0.33",
    "requests": "0.45",
    "bytes": "0.02",
    "bytes_fee": "0.75",
    "bytes_more": "0.011",
    "bytes_more_fee": "0.3",
    "gauge": "0.029",
    "gauge_least": "1",
    "gauge_most": "30",
    "own_builds": "0.05",
    "own_least": "12",
    "own_most": "20",
}
_SECOND = _FIRST | {
    "seconds": "0.0149",
    "partner": "0.0123",
    "syd_more": "0.0215",
    "seats": "2.75",
    "disk": "0.0017",
    "users": "1.9",
    "requests": "0.5",
    "bytes": "0.023",
    "bytes_more_fee": "0.42",
    "gauge_most": "24.5",
    "own_builds": "0.0525",
    "own_least": "14",
}
_THIRD = _SECOND | {
    "syd": "0.0295",
    "seats_fee": "2.1",
    "visitors": "0.35",
    "bytes_fee": "0.8",
    "gauge": "0.031",
    "own_most": "18.5",
}
_FOURTH = _THIRD | {"partner": "0.0117", "builds": "0.081", "syd": "0.0295", "syd_more": "0.021", "users": "1.6"}
BOOKS: Mapping[str, Mapping[str, str]] = {
    "2025-01-01": _FIRST,
    "2025-06-16": _SECOND,
    "2025-06-24": _THIRD,
    "2025-09-01": _FOURTH,
}

SYD_UP_TO = 100
"""The first tier of seconds in syd, in seconds a month."""
COMMITTED = 60
"""The minimum spend of the contract `committed`, in dollars a month."""


def book(first_day: str, currency: str, *, probes: bool) -> str:
    """One price book as TOML; `probes` says whether it has a price for them."""
    dollar = MONEY[currency].dollar
    # What a gauge counts is money already: its price is a rate.
    amounts = {
        name: amount if name == "gauge" else str(Decimal(amount) * dollar) for name, amount in BOOKS[first_day].items()
    }
    text = _TOML.format(
        **amounts, first_day=first_day, currency=currency, syd_up_to=SYD_UP_TO, committed=COMMITTED * dollar
    )
    return text + _PROBES.format(probes=5 * dollar) if probes else text


_TOML = """
effective_from = {first_day}
currency = "{currency}"
[meters]
seconds = {{ aggregation = "sum", unit = "second" }}
builds = {{ aggregation = "sum", unit = "build" }}
seats = {{ aggregation = "max", unit = "seat", per = ["region"] }}
disk = {{ aggregation = "time_weighted", unit = "GB hour" }}
users = {{ aggregation = "unique_count", unit = "user", distinct = "user" }}
visitors = {{ aggregation = "unique_count", unit = "visitor" }}
requests = {{ aggregation = "count", unit = "batch", divide_by = 3, round = "up" }}
bytes = {{ aggregation = "sum", unit = "kbit", multiply_by = 8, divide_by = 1000, round = "nearest" }}
gauge = {{ aggregation = "latest", unit = "turnover" }}
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = {seconds}
[[prices]]
meter = "seconds"
match = {{ region = "syd" }}
model = "graduated"
tiers = [ {{ up_to = {syd_up_to}, unit_amount = {syd} }}, {{ unit_amount = {syd_more} }} ]
[[prices]]
meter = "builds"
model = "per_unit"
unit_amount = {builds}
[[prices]]
meter = "seats"
model = "volume"
tiers = [ {{ up_to = 10, unit_amount = {seats} }}, {{ unit_amount = {seats_more}, flat_amount = {seats_fee} }} ]
[[prices]]
meter = "disk"
model = "per_unit"
free_units = 100
unit_amount = {disk}
[[prices]]
meter = "users"
model = "per_unit"
unit_amount = {users}
[[prices]]
meter = "visitors"
group_by = ["region"]
model = "per_unit"
unit_amount = {visitors}
[[prices]]
meter = "requests"
model = "package"
package_size = 2
unit_amount = {requests}
[[prices]]
meter = "bytes"
model = "graduated"
free_units = 4
tiers = [
  {{ up_to = 50, unit_amount = {bytes}, flat_amount = {bytes_fee} }},
  {{ unit_amount = {bytes_more}, flat_amount = {bytes_more_fee} }},
]
[[prices]]
meter = "gauge"
model = "percentage"
rate = {gauge}
minimum_spend = {gauge_least}
maximum_spend = {gauge_most}
[[contracts.partner.prices]]
meter = "seconds"
model = "per_unit"
unit_amount = {partner}
[contracts.committed]
minimum_spend = {committed}
[[contracts.committed.prices]]
meter = "builds"
model = "per_unit"
unit_amount = {own_builds}
minimum_spend = {own_least}
maximum_spend = {own_most}
"""
_PROBES = """
[[prices]]
meter = "probes"
model = "flat"
unit_amount = {probes}
[meters.probes]
aggregation = "sum"
unit = "probe"
"""
