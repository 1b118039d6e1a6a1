"""The events of pieces, each with its organization: an alias stands for one that a list of the lake says.

A list has the aliases of one day only, so that what was imported for others makes no other version of the day.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files; paths are our own and quoted

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from flybill_pipeline.billing.usage.aliases import WAITING, AliasPeriod
from flybill_pipeline.billing.usage.files import ALIASED, Owners
from flybill_pipeline.stores.files.duck import Limits, duck, parquet_rows
from flybill_pipeline.stores.files.parquet_files import write_rows
from flybill_pipeline.stores.usage.intake.aliased import make_owners, owned
from flybill_pipeline.stores.usage.lake.aliases import Aliases

_NOBODY = """(select ''::varchar as source, ''::varchar as alias, ''::varchar as org_id,
    timestamp '1970-01-01' as starts_at, timestamp '1970-01-01' as ends_at where false)"""


def aliased(pieces: Sequence[str]) -> list[str]:
    """Those of the pieces whose events name aliases."""
    return [piece for piece in pieces if piece.endswith(ALIASED)]


def owned_rows(root: Path, pieces: Sequence[str], owners: Owners | None, *, named: bool = False) -> str:
    """A FROM item for the events of `pieces`, one at least, each with its organization.

    With `named` it has a column `alias`, which is NULL where an organization was read.
    """
    with_aliases = aliased(pieces)
    parts = [each for each in pieces if each not in with_aliases] if with_aliases else pieces
    plain = parquet_rows([root / piece for piece in parts]) if parts else ""
    if named and plain:
        plain = f"(select *, null::varchar as alias from {plain})"
    if not with_aliases:
        return plain
    events = owned(parquet_rows([root / piece for piece in with_aliases]), _listed(root, owners), named=named)
    return f"(from {plain} union all by name from {events})" if plain else events


def waiting_rows(root: Path, pieces: Sequence[str], owners: Owners | None) -> str:
    """A FROM item for the events of `pieces` whose alias belongs to nobody; there must be some with aliases."""
    return f"(from {owned_rows(root, aliased(pieces), owners)} where starts_with(org_id, '{WAITING}'))"


def owners_of(root: Path, day: date, pieces: Sequence[str], aliases: Aliases, limits: Limits) -> Owners | None:
    """Whose the aliases in `pieces` are on the day, by what is known now; None where there are no aliases."""
    if not aliased(pieces):
        return None
    known, periods = aliases.of_day(day)
    return Owners(_write(root, day, pieces, periods, limits), known)


def _write(
    root: Path, day: date, pieces: Sequence[str], periods: Collection[AliasPeriod], limits: Limits
) -> str | None:
    """Writes the list of whose the aliases in `pieces` are on the day; returns its path, None where it is empty.

    The same list has the same path.
    """
    start = datetime.combine(day, time(), UTC)
    on_day = [period.within(start, start + timedelta(days=1)) for period in periods]
    with duck(root, limits) as connection:
        make_owners(connection, on_day)
        named = (
            f"select distinct source, org_id as alias from {parquet_rows([root / each for each in aliased(pieces)])}"
        )
        query = f"select * from owners semi join ({named}) using (source, alias) order by all"
        rows = connection.execute(query).fetchall()
        if not rows:
            return None
        digest = hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()[:16]
        path = f"owners/day={day}/{digest}.parquet"
        write_rows(connection, query, root / path)
    return path


def _listed(root: Path, owners: Owners | None) -> str:
    return parquet_rows([root / owners.path]) if owners and owners.path else _NOBODY
