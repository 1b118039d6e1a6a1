"""Which exceptions mean that somebody's input or environment is wrong. Each has its own sentence; none is made here."""

from flybill_pipeline.backups import BackupError
from flybill_pipeline.billing.credit_notes import CreditRefusedError
from flybill_pipeline.billing.currencies import UnknownCurrencyError
from flybill_pipeline.billing.quote import UnpricedError
from flybill_pipeline.local.keeper import ServiceError
from flybill_pipeline.local.postgres import PostgresError
from flybill_pipeline.settings import SettingsError
from flybill_pipeline.steps.explain_lines import NoSuchLineError
from flybill_pipeline.stores.database import DatabaseError
from flybill_pipeline.stores.folders import AddressError
from flybill_pipeline.stores.holds import ReleaseRefusedError
from flybill_pipeline.stores.landing import LandingError
from flybill_pipeline.stores.organizations import ImportRefusedError
from flybill_pipeline.stores.price_books import PriceBookError
from flybill_pipeline.stores.sources import SourcesError
from flybill_pipeline.stripe_gateway.keys import KeyRefusedError

INPUT_ERRORS = (
    AddressError,
    BackupError,
    CreditRefusedError,
    DatabaseError,
    ImportRefusedError,
    KeyRefusedError,
    LandingError,
    NoSuchLineError,
    PostgresError,
    PriceBookError,
    ReleaseRefusedError,
    ServiceError,
    SettingsError,
    SourcesError,
    UnknownCurrencyError,
    UnpricedError,
)
