"""One price model a file: what a positive billable quantity comes to. Free units and limits are rating's."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from flybill_pipeline.billing.pricing.models.flat import flat
from flybill_pipeline.billing.pricing.models.graduated import graduated
from flybill_pipeline.billing.pricing.models.package import package
from flybill_pipeline.billing.pricing.models.per_unit import per_unit
from flybill_pipeline.billing.pricing.models.percentage import percentage
from flybill_pipeline.billing.pricing.models.volume import volume
from flybill_pipeline.billing.pricing.prices import Price, PriceModel
from flybill_pipeline.billing.pricing.working import WorkingStep

MODELS: Mapping[PriceModel, Callable[[Price, Decimal], tuple[WorkingStep, ...]]] = MappingProxyType(
    {
        PriceModel.PER_UNIT: per_unit,
        PriceModel.GRADUATED: graduated,
        PriceModel.VOLUME: volume,
        PriceModel.PACKAGE: package,
        PriceModel.PERCENTAGE: percentage,
        PriceModel.FLAT: flat,
    }
)
