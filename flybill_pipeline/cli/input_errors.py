"""Which exceptions mean that somebody's input or environment is wrong. Each has its own sentence; none is made here.

They are named, not imported: what was raised is loaded, and to load the rest would take longer than the command did.
"""

from collections.abc import Collection

INPUT_ERRORS = frozenset(
    {
        "billing.money.currencies.UnknownCurrencyError",
        "billing.payments.credit_notes.CreditRefusedError",
        "billing.pricing.quote.UnpricedError",
        "billing.usage.known_sources.LostSourceError",
        "demo.play.DemoRefusedError",
        "exports.files.ExportError",
        "local.home.HomeError",
        "operating.backups.BackupError",
        "questions.billed.NotBilledYetError",
        "questions.organizations.UnknownOrganizationError",
        "questions.quoted.QuoteRefusedError",
        "questions.rejected_usage.UnknownSourceError",
        "settings.SettingsError",
        "starter.world.StarterError",
        "steps.pricing.explain_lines.NoSuchLineError",
        "stores.files.folders.AddressError",
        "stores.invoicing.holds.ReleaseRefusedError",
        "stores.invoicing.org_terms.ImportRefusedError",
        "stores.postgres.database.DatabaseError",
        "stores.postgres.presence.AlreadyPresentError",
        "stores.pricing.price_books.PriceBookError",
        "stores.usage.intake.sources.SourcesError",
        "stores.usage.intake.zones.LandingError",
        "stores.usage.lake.ownership.LakeError",
        "stripe_gateway.keys.KeyRefusedError",
    }
)
OF_THE_MACHINE = frozenset({"local.keeper.ServiceError", "local.postgres_programs.PostgresError"})
"""Nobody's input is wrong: the same command does its work once this machine does."""


def is_one_of(names: Collection[str], error: BaseException) -> bool:
    """Whether the error's class, or one that it is made from, is among these names of our package."""
    kinds = (f"{kind.__module__}.{kind.__name__}" for kind in type(error).mro())
    return any(kind.removeprefix("flybill_pipeline.") in names for kind in kinds)
