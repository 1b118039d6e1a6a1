"""Hypothesis strategies for prices of every model, and quantities that meet their bounds. No assertions here."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import strategies as st

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Price, PriceModel, Tier

AMOUNT = st.decimals(min_value=0, max_value=1000, places=9)
SMALL = st.decimals(min_value=0, max_value=50, places=2)
QUANTITY = st.one_of(SMALL, st.decimals(min_value=0, max_value=10**20, places=18))
"""Small ones as well: bounds of tiers, free units and limits are met by chance."""


@st.composite
def tiers(draw: st.DrawFn, *, flat_fees: bool = True) -> tuple[Tier, ...]:
    bound = st.one_of(st.integers(1, 40).map(Decimal), st.decimals(min_value=1, max_value=10**9, places=3))
    bounds = sorted(draw(st.sets(bound, max_size=4)))
    fee = AMOUNT if flat_fees else st.just(ZERO)
    return tuple(Tier(bound, draw(AMOUNT), draw(fee)) for bound in [*bounds, None])


@st.composite
def prices(draw: st.DrawFn, of: Sequence[PriceModel] = tuple(models.MODELS.values())) -> Price:
    low, high = sorted(draw(st.tuples(AMOUNT, AMOUNT)))
    return Price(
        "m",
        draw(st.sampled_from(of)),
        unit_amount=draw(AMOUNT),
        package_size=draw(st.decimals(min_value="0.5", max_value=1000, places=3)),
        rate=draw(AMOUNT),
        tiers=draw(tiers()),
        free_units=draw(st.one_of(st.just(ZERO), SMALL, st.decimals(min_value=0, max_value=10**6, places=2))),
        minimum_spend=draw(st.sampled_from([None, low])),
        maximum_spend=draw(st.sampled_from([None, high])),
        contract=draw(st.sampled_from([None, "acme"])),
    )
