"""One price book from its parsed TOML: what may stand in it, and what is wrong with it. No files are read here."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flybill_pipeline.billing.money.currencies import CURRENCIES
from flybill_pipeline.billing.money.decimals import ZERO, plain
from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.pricing.prices import Contract, ModelField, Price, PriceBook, PriceModel, Tier, find_ties
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.service_categories import OTHER, SERVICE_CATEGORIES
from flybill_pipeline.stores.files.close_names import did_you_mean
from flybill_pipeline.stores.pricing.book_fields import Fields

_BOOK = ("effective_from", "currency", "meters", "prices", "contracts")
_METER = (
    "aggregation",
    "unit",
    "multiply_by",
    "divide_by",
    "round",
    "distinct",
    "per",
    "hours_of_month",
    "name",
    "service_category",
)
_CONTRACT = ("prices", "minimum_spend")
_TIER = ("up_to", "unit_amount", "flat_amount")
_EVERY_PRICE = ("meter", "match", "model", "free_units", "group_by", "show_by", "minimum_spend", "maximum_spend")
_OF_ANY_MODEL = tuple(
    name for model in MODELS.values() for field in model.fields for name in (field.name, field.also) if name
)


def read_book(document: Mapping[str, Any], file: str, faults: list[str]) -> PriceBook | None:
    """The price book in `document`, a TOML document read with `parse_float=Decimal`.

    Every fault is added to `faults`, with `file` and its path; None when there is any.
    """
    fields = Fields(document, f"{file}:", faults)
    before = fields.fault_count
    fields.only(_BOOK)
    effective_from, currency = fields.day("effective_from"), _currency(fields)
    meters = {name: _meter(name, table) for name, table in fields.named_tables("meters").items()}
    prices = _prices(fields, meters, None)
    contracts = {name: _contract(name, table, meters) for name, table in fields.named_tables("contracts").items()}
    if fields.fault_count > before or effective_from is None or currency is None:
        return None
    known = {name: meter for name, meter in meters.items() if meter is not None}
    return PriceBook(currency, effective_from, known, prices, contracts)


def _currency(fields: Fields) -> str | None:
    code = fields.text("currency")
    if code is None or code.lower() in CURRENCIES:
        return code and code.lower()
    fields.fault("currency", f"{code!r} is not a currency that Stripe takes{did_you_mean(code.lower(), CURRENCIES)}")
    return None


def _meter(name: str, fields: Fields) -> Meter | None:
    fields.only(_METER)
    aggregation, unit = fields.choice("aggregation", list(Aggregation)), fields.words("unit")
    multiply_by = fields.number("multiply_by", default=Decimal(1), positive=True)
    divide_by = fields.number("divide_by", default=Decimal(1), positive=True)
    rounding = fields.choice("round", list(Rounding), default=Rounding.NONE)
    distinct = fields.text("distinct") if "distinct" in fields else None
    if distinct is not None and aggregation != Aggregation.UNIQUE_COUNT:
        fields.fault("distinct", "names the dimension that a unique_count counts; other aggregations have none")
    title = fields.words("name", default=name)
    category = fields.choice("service_category", SERVICE_CATEGORIES, default=OTHER)
    per = fields.texts("per")
    if per and aggregation is not None and not Aggregation(aggregation).has_series:
        fields.fault("per", "names what adds up of a max, latest or time_weighted; other aggregations have no series")
    hours_of_month = fields.flag("hours_of_month")
    if hours_of_month and aggregation is not None and not Aggregation(aggregation).adds_up:
        fields.fault("hours_of_month", "divides hours that add up; a max, latest or unique_count is no hours")
    if aggregation is None or unit is None or multiply_by is None or divide_by is None or rounding is None:
        return None
    converted = (multiply_by, divide_by, Rounding(rounding))
    shown = (title or name, category or OTHER)
    return Meter(name, Aggregation(aggregation), unit, *converted, distinct, per, hours_of_month, *shown)


def _contract(name: str, fields: Fields, meters: Mapping[str, Meter | None]) -> Contract:
    fields.only(_CONTRACT)
    return Contract(name, _prices(fields, meters, name), fields.number("minimum_spend", required=False))


def _prices(fields: Fields, meters: Mapping[str, Meter | None], contract: str | None) -> tuple[Price, ...]:
    """The prices that could be read, after noting the faults of all, and every two that tie."""
    read = [(table, _price(table, meters, contract)) for table in fields.tables("prices")]
    good = [(table, price) for table, price in read if price is not None]
    prices = tuple(price for _, price in good)
    for first, second in find_ties(prices):
        _note_tie(good[second][0], good[first][0].path(""), prices[first], prices[second])
    return prices


def _note_tie(fields: Fields, other: str, first: Price, second: Price) -> None:
    one, two = _words(first.match), _words(second.match)
    if one == two:
        fields.fault("", f"is a second price of {first.meter} for {one}; the first is {other}")
    else:
        both = _words({**first.match, **second.match})
        fields.fault("", f"ties with {other}: usage with {both} matches both equally; add a price for exactly that")


def _words(match: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(match.items())) or "all usage"


def _price(fields: Fields, meters: Mapping[str, Meter | None], contract: str | None) -> Price | None:
    before = fields.fault_count
    meter = fields.choice("meter", list(meters))
    model = MODELS.get(fields.choice("model", list(MODELS)) or "")
    fields.only((*_EVERY_PRICE, *_OF_ANY_MODEL))
    match, group_by, show_by = fields.text_table("match"), fields.texts("group_by"), fields.texts("show_by")
    free_units = fields.number("free_units", default=ZERO)
    minimum, maximum = (fields.number(name, required=False) for name in ("minimum_spend", "maximum_spend"))
    _check_limits(minimum, maximum, fields)
    _check_groups(group_by, match, fields)
    _check_shown(show_by, {*match, *group_by}, meters.get(meter or ""), fields)
    of_model = {} if model is None else _of_model(model, fields)
    if model is None or fields.fault_count > before:
        return None
    return Price(
        meter=meter or "",
        model=model,
        match=match,
        free_units=free_units or ZERO,
        group_by=group_by,
        minimum_spend=minimum,
        maximum_spend=maximum,
        contract=contract,
        show_by=show_by,
        **of_model,
    )


def _check_limits(minimum: Decimal | None, maximum: Decimal | None, fields: Fields) -> None:
    if minimum is not None and maximum is not None and maximum < minimum:
        fields.fault("maximum_spend", f"must not be below minimum_spend ({plain(minimum)})")


def _check_groups(group_by: Sequence[str], match: Mapping[str, str], fields: Fields) -> None:
    for name in group_by:
        if name in match:
            fields.fault("group_by", f"{name!r} stands in match, so all usage of this price has the same value")


def _check_shown(show_by: Sequence[str], same: Collection[str], meter: Meter | None, fields: Fields) -> None:
    for name in show_by:
        if name in same:
            fields.fault("show_by", f"{name!r} stands in match or group_by, so all usage of a line has the same value")
    if show_by and meter is not None and not meter.aggregation.adds_up:
        fields.fault("show_by", f"{meter.name} is a {meter.aggregation} of the month, which has no parts that add up")


def _of_model(model: PriceModel, fields: Fields) -> dict[str, Any]:
    """What the model takes, by the names of `Price`; a field that belongs to other models only is a fault."""
    keys = {field: _key(field, fields) for field in model.fields}
    for name in fields.names:
        if name in _OF_ANY_MODEL and name not in keys.values():
            fields.fault(name, f"is not used by the model {model.name}")
    read = {field.name: _value(field, key, fields) for field, key in keys.items()}
    return {name: value for name, value in read.items() if value is not None}


def _key(field: ModelField, fields: Fields) -> str:
    return field.also if field.also is not None and field.also in fields else field.name


def _value(field: ModelField, key: str, fields: Fields) -> Decimal | tuple[Tier, ...] | None:
    if field.kind == "tiers":
        return _tiers(fields.tables(key), fields, key, needed=field.needed)
    return fields.number(key, positive=field.kind == "size", required=field.needed)


def _tiers(tables: Sequence[Fields], fields: Fields, key: str, *, needed: bool) -> tuple[Tier, ...]:
    if needed and not tables:
        fields.fault(key, "needs at least one tier, the last of them without up_to")
    tiers: list[Tier] = []
    for position, table in enumerate(tables):
        previous = next((tier.up_to for tier in reversed(tiers) if tier.up_to is not None), ZERO)
        tiers.append(_tier(table, previous, last=position == len(tables) - 1))
    return tuple(tiers)


def _tier(fields: Fields, previous: Decimal, *, last: bool) -> Tier:
    fields.only(_TIER)
    if "unit_amount" not in fields and "flat_amount" not in fields:
        fields.fault("", "needs a unit_amount, a flat_amount or both")
    return Tier(
        up_to=_up_to(fields, previous, last=last),
        unit_amount=fields.number("unit_amount", default=ZERO) or ZERO,
        flat_amount=fields.number("flat_amount", default=ZERO) or ZERO,
    )


def _up_to(fields: Fields, previous: Decimal, *, last: bool) -> Decimal | None:
    if last:
        if "up_to" in fields:
            fields.fault("up_to", "the last tier must be open: leave up_to out, or add a tier after it")
        return None
    if "up_to" not in fields:
        fields.fault("up_to", "is missing; only the last tier is open")
        return None
    up_to = fields.number("up_to", positive=True)
    if up_to is not None and up_to <= previous:
        fields.fault("up_to", f"must be larger than the one before ({plain(previous)})")
    return up_to
