"""Which exceptions mean that somebody's input or environment is wrong. Each has its own sentence; none is made here."""

from flybill_pipeline.billing.money.currencies import UnknownCurrencyError
from flybill_pipeline.billing.payments.credit_notes import CreditRefusedError
from flybill_pipeline.billing.pricing.quote import UnpricedError
from flybill_pipeline.billing.usage.known_sources import LostSourceError
from flybill_pipeline.demo.play import DemoRefusedError
from flybill_pipeline.exports.files import ExportError
from flybill_pipeline.local.home import HomeError
from flybill_pipeline.local.keeper import ServiceError
from flybill_pipeline.local.postgres_programs import PostgresError
from flybill_pipeline.operating.backups import BackupError
from flybill_pipeline.questions.billed import NotBilledYetError
from flybill_pipeline.questions.organizations import UnknownOrganizationError
from flybill_pipeline.questions.quoted import QuoteRefusedError
from flybill_pipeline.questions.rejected_usage import UnknownSourceError
from flybill_pipeline.settings import SettingsError
from flybill_pipeline.starter.world import StarterError
from flybill_pipeline.steps.pricing.explain_lines import NoSuchLineError
from flybill_pipeline.stores.files.folders import AddressError
from flybill_pipeline.stores.invoicing.holds import ReleaseRefusedError
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.postgres.database import DatabaseError
from flybill_pipeline.stores.postgres.presence import AlreadyPresentError
from flybill_pipeline.stores.pricing.price_books import PriceBookError
from flybill_pipeline.stores.usage.intake.landing import LandingError
from flybill_pipeline.stores.usage.intake.sources import SourcesError
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stripe_gateway.keys import KeyRefusedError

INPUT_ERRORS = (
    AddressError,
    AlreadyPresentError,
    BackupError,
    CreditRefusedError,
    DatabaseError,
    DemoRefusedError,
    ExportError,
    HomeError,
    ImportRefusedError,
    KeyRefusedError,
    LakeError,
    LandingError,
    LostSourceError,
    NoSuchLineError,
    NotBilledYetError,
    PriceBookError,
    QuoteRefusedError,
    ReleaseRefusedError,
    SettingsError,
    SourcesError,
    StarterError,
    UnknownCurrencyError,
    UnknownOrganizationError,
    UnknownSourceError,
    UnpricedError,
)
OF_THE_MACHINE = (PostgresError, ServiceError)
"""Nobody's input is wrong: the same command does its work once this machine does."""
