"""The price models by name. One is a value in a file of its own: its fields, its steps, its words (see PriceModel).

Not here: free units and limits, which every price may have (`rating.py`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from flybill_pipeline.billing.pricing.models.flat import FLAT
from flybill_pipeline.billing.pricing.models.graduated import GRADUATED
from flybill_pipeline.billing.pricing.models.package import PACKAGE
from flybill_pipeline.billing.pricing.models.per_unit import PER_UNIT
from flybill_pipeline.billing.pricing.models.percentage import PERCENTAGE
from flybill_pipeline.billing.pricing.models.volume import VOLUME
from flybill_pipeline.billing.pricing.prices import PriceModel

__all__ = ["FLAT", "GRADUATED", "MODELS", "PACKAGE", "PERCENTAGE", "PER_UNIT", "VOLUME"]

MODELS: Mapping[str, PriceModel] = MappingProxyType(
    {model.name: model for model in (PER_UNIT, GRADUATED, VOLUME, PACKAGE, PERCENTAGE, FLAT)}
)
