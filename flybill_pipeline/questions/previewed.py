"""What would come of a usage file before it is landed, and who and what of it nobody knows yet. Stores nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.intake.preview import Preview


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a source makes of a file. Of its organizations and meters some may be in no list and no price book."""

    preview: "Preview"
    unknown_orgs: Sequence[str]
    unknown_meters: Sequence[str]


def preview_file(toolbox: Toolbox, file: Path, source: str) -> Previewed:
    """Reads the whole file. Raises LandingError when it cannot be read."""
    lake = toolbox.lake
    found = toolbox.landing.preview(file, source, [lake.root / piece for piece in toolbox.catalog.all_pieces()])
    known = {organization.org_id for organization in toolbox.organizations.all()}
    priced = {name for book in load_price_books(toolbox.settings.prices).books for name in book.meters}
    return Previewed(
        preview=found,
        unknown_orgs=sorted({each.org_id for each in found.sums} - known),
        unknown_meters=sorted({each.meter for each in found.sums} - priced),
    )
