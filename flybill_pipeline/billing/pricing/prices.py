"""Prices, dated price books as plain data, and which price applies. No amounts are worked out, no files read here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Literal

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.usage.meters import Meter


@dataclass(frozen=True, slots=True)
class ModelField:
    """A key of a price's table that a model takes; `Price` has it under the same name.

    `kind` is how it is read: an amount (0 or more), a size (more than 0), or a list of tiers. `also` is another name
    for the same key; without `needed` it may be left out.
    """

    name: str
    kind: Literal["amount", "size", "tiers"]
    also: str | None = None
    needed: bool = True


@dataclass(frozen=True, kw_only=True, repr=False)
class PriceModel:
    """How a quantity becomes an amount: all that there is to say of one model. models/ has a file for each.

    `steps` says what a stretch of a month costs under a price; since a stretch may be a part of the month, it also says
    what a price change within the month means (see Stretch). `words` is how a line says the price, in a currency.
    """

    name: str
    fields: tuple[ModelField, ...]
    steps: Callable[["Price", Stretch], tuple[WorkingStep, ...]]
    words: Callable[["Price", str], str]

    def __repr__(self) -> str:
        return self.name  # nothing that differs from process to process: books are told apart by what they look like


@dataclass(frozen=True, slots=True)
class Tier:
    """The quantities in (the previous tier's `up_to`, `up_to`]; None is open. Amounts in major units."""

    up_to: Decimal | None
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Price:
    """One price of one meter, for usage whose dimensions contain `match`. Amounts in the book's major units.

    `model` says which of `unit_amount`, `package_size`, `rate` and `tiers` are used. `group_by` gives each combination
    of values of those dimensions a line, and tiers, of its own; `show_by` shows a line by the values of others, and
    leaves it one line (portions.py). `contract` names the contract that the price belongs to; None: the book.
    """

    meter: str
    model: PriceModel
    match: Mapping[str, str] = field(default_factory=dict)
    unit_amount: Decimal = ZERO
    package_size: Decimal = Decimal(1)
    rate: Decimal = ZERO
    tiers: tuple[Tier, ...] = ()
    free_units: Decimal = ZERO
    group_by: tuple[str, ...] = ()
    minimum_spend: Decimal | None = None
    maximum_spend: Decimal | None = None
    contract: str | None = None
    show_by: tuple[str, ...] = field(default=(), compare=False, repr=False)  # not in fingerprints: it changes no bill

    @property
    def specificity(self) -> int:
        """How many dimensions must match: the most specific price wins."""
        return len(self.match)

    def matches(self, dimensions: Mapping[str, str]) -> bool:
        return self.match.items() <= dimensions.items()


@dataclass(frozen=True, slots=True)
class Contract:
    """An organization's own prices. They stand beside the book's and win where meter and specificity are the same.

    `minimum_spend` (major units) is a commitment over everything it buys in a month; see commitments.py.
    """

    name: str
    prices: tuple[Price, ...] = ()
    minimum_spend: Decimal | None = None


@dataclass(frozen=True)
class PriceBook:
    """Every price of one currency from `effective_from` on. A loaded book has no ties: see `find_ties`."""

    currency: str
    effective_from: date
    meters: Mapping[str, Meter]
    prices: tuple[Price, ...]
    contracts: Mapping[str, Contract] = field(default_factory=dict)

    def price_for(self, meter: str, dimensions: Mapping[str, str], contract: str | None = None) -> Price | None:
        """The price of this usage, or None: the most specific match, an own price of the contract before the book's.

        To replace one price of the book, a contract repeats its match; a match with more dimensions goes before both.
        None, too, for a meter or contract that the book does not have.
        """
        return next((price for price in self.candidates(meter, contract) if price.matches(dimensions)), None)

    def candidates(self, meter: str, contract: str | None = None) -> tuple[Price, ...]:
        """The prices of a meter that may apply, the winning ones first."""
        return self._by_meter.get((contract, meter), ())

    def in_month(self, month: Month) -> "PriceBook":
        """The book with its meters as they count in a month: the same book where no meter depends on it."""
        if not any(meter.hours_of_month for meter in self.meters.values()):
            return self
        hours = 24 * month.last_day.day
        return replace(self, meters={name: meter.in_month(hours) for name, meter in self.meters.items()})

    @cached_property
    def _by_meter(self) -> dict[tuple[str | None, str], tuple[Price, ...]]:
        """Per contract and meter the prices that may apply, the winning ones first."""
        scopes: dict[str | None, tuple[Price, ...]] = {None: ()}
        scopes |= {name: contract.prices for name, contract in self.contracts.items()}
        return {
            (scope, meter): tuple(
                sorted(
                    (price for price in own + self.prices if price.meter == meter),
                    key=lambda price: (-price.specificity, price.contract is None),
                )
            )
            for scope, own in scopes.items()
            for meter in self.meters
        }


@dataclass(frozen=True, eq=False)  # equal is only the same object: to be looked up by
class PriceBooks:
    """All dated price books. Several may share a currency, no two of them the same `effective_from`."""

    books: tuple[PriceBook, ...]

    def for_day(self, currency: str, day: date) -> PriceBook | None:
        """The book of `currency` in force on `day`: the latest that is effective by then. None when there is none."""
        in_force = [book for book in self.books if book.currency == currency.lower() and book.effective_from <= day]
        return max(in_force, key=lambda book: book.effective_from, default=None)

    @property
    def currencies(self) -> frozenset[str]:
        return frozenset(book.currency for book in self.books)


def find_ties(prices: tuple[Price, ...]) -> Iterator[tuple[int, int]]:
    """The positions of each two prices that one usage could match equally well, with no more specific price to decide.

    `{size: a}` and `{region: x}` tie over the usage {size: a, region: x}, unless a price matches both.
    """
    for second, later in enumerate(prices):
        for first, earlier in enumerate(prices[:second]):
            if earlier.meter == later.meter and _tie(earlier, later, prices):
                yield first, second


def _tie(one: Price, other: Price, prices: tuple[Price, ...]) -> bool:
    both = {**one.match, **other.match}
    compatible = all(both[name] == value for name, value in one.match.items())
    if not compatible or one.specificity != other.specificity:
        return False
    decided = any(
        price.meter == one.meter and price.specificity > one.specificity and price.matches(both) for price in prices
    )
    return not decided
