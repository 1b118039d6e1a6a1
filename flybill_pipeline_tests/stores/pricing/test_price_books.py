"""Price books as files: what is read, and every fault that is named."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flybill_pipeline import prices
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.quote import quote
from flybill_pipeline.stores.pricing.price_books import PriceBookError, load_price_books

HEAD = """
effective_from = 2026-01-01
currency = "usd"
[meters.machine_seconds]
aggregation = "sum"
unit = "second"
"""
PRICE = """
[[prices]]
meter = "machine_seconds"
"""


def _faults(folder: Path, text: str) -> list[str]:
    (folder / "usd.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PriceBookError) as caught:
        load_price_books(folder)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def test_a_meter_has_a_name_for_people_which_is_its_id_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "usd.toml").write_text(
        HEAD + 'name = "Maschinen · 👩\u200d💻"\n[meters.gb]\naggregation = "sum"\nunit = "GB"\n'
    )
    book = load_price_books(tmp_path).for_day("usd", date(2026, 1, 1))
    assert book is not None
    assert {name: meter.shown for name, meter in book.meters.items()} == {
        "machine_seconds": "Maschinen · 👩\u200d💻",
        "gb": "gb",
    }


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('"a\\tb"', "name holds U+0009, a character that does not print: remove it"),
        ('"a\\u202eb"', "name holds U+202E, a character that does not print: remove it"),
        (f'"{"x" * 81}"', "name has 81 characters, and 80 is the most: shorten it"),
        ('" "', "must be text, not ' '"),
        ("7", "must be text, not 7"),
    ],
)
def test_a_name_that_no_line_can_show_is_a_fault(tmp_path: Path, value: str, says: str) -> None:
    (fault,) = _faults(tmp_path, HEAD + f"name = {value}")
    assert fault == f"usd.toml: meters.machine_seconds.name: {says}"


def test_a_book_is_read_exactly(tmp_path: Path) -> None:
    text = HEAD + PRICE + """
        match = { size = "a" }
        model = "graduated"
        free_units = "2.5"
        group_by = ["region"]
        show_by = ["app"]
        minimum_spend = 1
        maximum_spend = 1e3
        tiers = [ { up_to = 100_000, unit_amount = 0.0000008 }, { unit_amount = 0.0000006, flat_amount = 1 } ]
        [[contracts.acme.prices]]
        meter = "machine_seconds"
        model = "flat"
        flat_amount = 3
    """  # fmt: skip
    (tmp_path / "usd.toml").write_text(text)
    book = load_price_books(tmp_path).for_day("usd", date(2026, 1, 1))
    assert book is not None
    (price,) = book.prices
    assert (price.model, price.match, price.group_by) == (models.GRADUATED, {"size": "a"}, ("region",))
    assert price.show_by == ("app",)
    assert (price.free_units, price.minimum_spend, price.maximum_spend) == (Decimal("2.5"), Decimal(1), Decimal(1000))
    assert [(tier.up_to, tier.unit_amount, tier.flat_amount) for tier in price.tiers] == [
        (Decimal(100000), Decimal("0.0000008"), Decimal(0)),
        (None, Decimal("0.0000006"), Decimal(1)),
    ]
    (own,) = book.contracts["acme"].prices
    assert (own.contract, own.unit_amount) == ("acme", Decimal(3))


@pytest.mark.parametrize(
    ("price", "fault"),
    [
        ('model = "per_unit"', "prices[0].unit_amount: is missing"),
        ('model = "per_unit"\nunit_amount = -1', "prices[0].unit_amount: must be 0 or more, not -1"),
        ('model = "per_unit"\nunit_amount = nan', "prices[0].unit_amount: must be a number"),
        ('model = "per_unit"\nunit_amount = inf', "prices[0].unit_amount: must be a number"),
        ('model = "per_unit"\nunit_amount = true', "prices[0].unit_amount: must be a number"),
        *(
            (f'model = "per_unit"\nunit_amount = "{text}"', "prices[0].unit_amount: must be a number")
            for text in ("two", "1_000", " 5 ", "5 ", "\uff15", "\u0665", "1,5", "0x10", "", "NaN", "1e", ".", "--5")
        ),
        ('model = "per_unit"\nunit_amount = 1e31', "prices[0].unit_amount: must be a number of at most 30 digits"),
        ('model = "per_unit"\nunit_amount = 1e-31', "prices[0].unit_amount: must be a number of at most 30 digits"),
        ('model = "per_unit"\nunit_amount = 1\nfree_units = -1', "prices[0].free_units: must be 0 or more, not -1"),
        ('model = "per_unit"\nunit_amount = 1\nunit_amonut = 2', "prices[0].unit_amonut: unknown key"),
        ('model = "per_unit"\nunit_amount = 1\nrate = 2', "prices[0].rate: is not used by the model per_unit"),
        ('model = "per_unit"\nunit_amount = 1\nmatch = { size = 1 }', "prices[0].match.size: must be text, not 1"),
        ('model = "per_unit"\nunit_amount = 1\nmatch = "a"', "prices[0].match: must be a table"),
        ('model = "per_unit"\nunit_amount = 1\ngroup_by = "region"', "prices[0].group_by: must be a list of texts"),
        (
            'model = "per_unit"\nunit_amount = 1\ngroup_by = ["size"]\nmatch = { size = "a" }',
            "prices[0].group_by: 'size' stands in match",
        ),
        (
            'model = "per_unit"\nunit_amount = 1\nminimum_spend = 3\nmaximum_spend = 2',
            "prices[0].maximum_spend: must not be below minimum_spend (3)",
        ),
        ('model = "package"\npackage_size = 0\nunit_amount = 1', "prices[0].package_size: must be more than 0, not 0"),
        (
            'model = "package"\npackage_size = -5\nunit_amount = 1',
            "prices[0].package_size: must be more than 0, not -5",
        ),
        ('model = "percentage"\nunit_amount = 1', "prices[0].rate: is missing"),
        ('model = "gradated"', "prices[0].model: unknown model 'gradated' (did you mean 'graduated'?)"),
        ("", "prices[0].model: is missing"),
        ('model = "graduated"', "prices[0].tiers: needs at least one tier"),
        ('model = "volume"\ntiers = [1]', "prices[0].tiers: must be a list of tables"),
        (
            'model = "graduated"\ntiers = [{ up_to = 100, flat_amount = 1 }, { up_to = 100, flat_amount = 1 }, {}]',
            "prices[0].tiers[1].up_to: must be larger than the one before (100)",
        ),
        (
            'model = "graduated"\ntiers = [{ unit_amount = 1 }, { unit_amount = 1 }]',
            "prices[0].tiers[0].up_to: is missing; only the last tier is open",
        ),
        (
            'model = "volume"\ntiers = [{ up_to = 10, unit_amount = 1 }]',
            "prices[0].tiers[0].up_to: the last tier must be open",
        ),
        ('model = "volume"\ntiers = [{ }]', "prices[0].tiers[0]: needs a unit_amount, a flat_amount or both"),
        ('model = "volume"\ntiers = [{ unit_amount = 1, upto = 3 }]', "prices[0].tiers[0].upto: unknown key"),
    ],
)
def test_each_fault_of_a_price_is_named_with_its_path(tmp_path: Path, price: str, fault: str) -> None:
    faults = _faults(tmp_path, HEAD + PRICE + price)
    assert any(found.startswith(f"usd.toml: {fault}") for found in faults), faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "usd.toml: effective_from: is missing"),
        (HEAD.replace("2026-01-01", '"2026-01-01"'), "usd.toml: effective_from: must be a date such as 2026-01-01"),
        (
            HEAD.replace("2026-01-01", "2026-01-01T00:00:00Z"),
            "usd.toml: effective_from: must be a date such as 2026-01-01",
        ),
        (HEAD.replace('"usd"', '"usdd"'), "usd.toml: currency: 'usdd' is not a currency"),
        (
            HEAD.replace('"sum"', '"summ"'),
            "usd.toml: meters.machine_seconds.aggregation: unknown aggregation 'summ' (did you mean 'sum'?)",
        ),
        (HEAD.replace('unit = "second"', ""), "usd.toml: meters.machine_seconds.unit: is missing"),
        (
            HEAD + 'service_category = "Computer"',
            "usd.toml: meters.machine_seconds.service_category: unknown service_category 'Computer' (did you mean",
        ),
        (
            HEAD + 'distinct = "user"',
            "usd.toml: meters.machine_seconds.distinct: names the dimension that a unique_count",
        ),
        (HEAD + 'per = ["volume"]', "usd.toml: meters.machine_seconds.per: names what adds up of a max, latest or"),
        (HEAD + 'per = "volume"', "usd.toml: meters.machine_seconds.per: must be a list of texts"),
        (HEAD.replace('"sum"', '"max"') + 'per = ["a", "a"]', "usd.toml: meters.machine_seconds.per: names the same"),
        (HEAD + "divide_by = 0", "usd.toml: meters.machine_seconds.divide_by: must be more than 0"),
        (HEAD + "[meter.x]", "usd.toml: meter: unknown key (did you mean 'meters'?)"),
        (
            HEAD + '[meters.my.counter]\nunit = "x"',
            'usd.toml: meters.my.counter: unknown key (a name with points is written in quotes: "my.counter")',
        ),
        (
            HEAD + "[meters.fly.io.machine.seconds]",
            'usd.toml: meters.fly.io: unknown key (a name with points is written in quotes: "fly.io.machine.seconds")',
        ),
        (HEAD + "[contracts]\nacme = 1", "usd.toml: contracts.acme: must be a table"),
        (
            HEAD + '[[prices]]\nmeter = "machine_second"\nmodel = "per_unit"\nunit_amount = 1',
            "usd.toml: prices[0].meter: unknown meter 'machine_second' (did you mean 'machine_seconds'?)",
        ),
        (
            HEAD + '[[contracts.acme.prices]]\nmeter = "watts"\nmodel = "per_unit"\nunit_amount = 1',
            "usd.toml: contracts.acme.prices[0].meter: unknown meter 'watts'",
        ),
        ("effective_from = ", "usd.toml: cannot be read as TOML: "),
    ],
)
def test_each_fault_of_a_book_is_named_with_its_path(tmp_path: Path, text: str, fault: str) -> None:
    faults = _faults(tmp_path, text)
    assert any(found.startswith(fault) for found in faults), faults


@pytest.mark.parametrize("aggregation", ["max", "latest", "time_weighted"])
def test_series_that_add_up_are_named_by_the_meter(tmp_path: Path, aggregation: str) -> None:
    (tmp_path / "usd.toml").write_text(HEAD.replace('"sum"', f'"{aggregation}"') + 'per = ["volume", "disk"]')
    book = load_price_books(tmp_path).for_day("usd", date(2026, 1, 1))
    assert book is not None
    assert book.meters["machine_seconds"].per == ("volume", "disk")


def test_hours_are_months_only_of_what_adds_up(tmp_path: Path) -> None:
    by_month = HEAD + "hours_of_month = true"
    (tmp_path / "usd.toml").write_text(by_month)
    book = load_price_books(tmp_path).for_day("usd", date(2026, 1, 1))
    assert book is not None
    assert book.meters["machine_seconds"].hours_of_month
    of_peaks = "usd.toml: meters.machine_seconds.hours_of_month: divides hours that add up"
    assert _faults(tmp_path, by_month.replace('"sum"', '"max"'))[0].startswith(of_peaks)
    word = "usd.toml: meters.machine_seconds.hours_of_month: must be true or false"
    assert _faults(tmp_path, HEAD + 'hours_of_month = "true"') == [word]


def _priced(match: str, scope: str = "prices") -> str:
    return f'[[{scope}]]\nmeter = "machine_seconds"\nmatch = {match}\nmodel = "per_unit"\nunit_amount = 1\n'


def test_two_prices_for_one_thing_are_refused_and_a_third_may_decide(tmp_path: Path) -> None:
    tied = HEAD + _priced('{ size = "a" }') + _priced('{ region = "x" }')
    assert _faults(tmp_path, tied) == [
        "usd.toml: prices[1]: ties with usd.toml: prices[0]: "
        "usage with region=x, size=a matches both equally; add a price for exactly that"
    ]
    (tmp_path / "usd.toml").write_text(tied + _priced('{ size = "a", region = "x" }'))
    assert load_price_books(tmp_path).currencies == {"usd"}


def test_the_same_match_twice_is_refused_in_a_book_and_in_a_contract(tmp_path: Path) -> None:
    own = _priced("{ }", "contracts.acme.prices")
    assert _faults(tmp_path, HEAD + _priced("{ }") * 2 + own * 2) == [
        "usd.toml: prices[1]: is a second price of machine_seconds for all usage; the first is usd.toml: prices[0]",
        "usd.toml: contracts.acme.prices[1]: is a second price of machine_seconds for all usage; "
        "the first is usd.toml: contracts.acme.prices[0]",
    ]


def test_all_faults_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "eur.toml").write_text('currency = "eur"')
    faults = _faults(tmp_path, HEAD.replace('"usd"', '"xxx"') + PRICE)
    assert [fault.split(": ")[0:2] for fault in faults] == [
        ["eur.toml", "effective_from"],
        ["usd.toml", "currency"],
        ["usd.toml", "prices[0].model"],
    ]


def test_two_books_of_a_currency_may_not_begin_on_one_day(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(HEAD)
    assert _faults(tmp_path, HEAD) == ["usd.toml: effective_from: other.toml is a usd book of 2026-01-01 too"]


def test_one_file_is_enough_and_none_is_too_few(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    with pytest.raises(PriceBookError, match="has no price book"):
        load_price_books(tmp_path)
    with pytest.raises(PriceBookError, match="is not there"):
        load_price_books(file)
    file.write_text(HEAD)
    assert load_price_books(file).currencies == {"usd"}


def test_the_sample_books_are_sound_and_show_every_model() -> None:
    books = load_price_books(Path(prices.__path__[0]))
    assert books.currencies >= {"usd", "eur"}
    usd = books.for_day("usd", date(2026, 10, 1))
    assert usd is not None
    shown = {price.model.name for price in (*usd.prices, *usd.contracts["acme"].prices)}
    assert shown == set(models.MODELS)
    # 30 days of a shared-cpu-1x, as the price list of the cloud says.
    assert quote(usd, "machine_seconds", Decimal(30 * 86400), {"size": "shared-cpu-1x"}).amount_minor == 194
