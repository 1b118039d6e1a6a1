"""Reads files of aliases: which account, host or key of a source is whose, and when. Keeping them: the lake's aliases.

A row has `source`, `alias` and `org_id`, and perhaps `from` and `until`: UTC days or ISO times with their zone. An
empty `until` leaves what is stored, `-` takes it away; `-` as org_id takes the row's period away.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod
from flybill_pipeline.billing.usage.texts import LONGEST_ID, fault_of_text
from flybill_pipeline.stores.files.close_names import did_you_mean
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError, csv_rows, read_moment, require_columns
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.invoicing.organizations import NOTHING
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.lake.aliases import Aliases, AliasesRefusedError, AliasRow

REQUIRED = ("source", "alias", "org_id")
COLUMNS = (*REQUIRED, "from", "until")


def import_aliases(
    file: Path, aliases: Aliases, sources: Mapping[str, SourceMapping], org_ids: Collection[str]
) -> tuple[int, int, int]:
    """Stores the aliases in a CSV file, all or none; returns how many rows it has, how many are new, and changed.

    `org_ids` are the organizations that there are. Raises ImportRefusedError with every fault.
    """
    rows = read_aliases(file, sources, org_ids, aliases.sources)
    try:
        return len(rows), *aliases.save(rows)
    except AliasesRefusedError as error:
        raise ImportRefusedError([f"{file}: row {row}: {fault}" for row, fault in error.faults.items()]) from None


def read_aliases(
    file: Path,
    sources: Mapping[str, SourceMapping],
    org_ids: Collection[str],
    with_usage: Callable[[], Collection[str]] = tuple,
) -> list[AliasRow]:
    """The rows of a CSV file, or ImportRefusedError with every fault in it.

    `with_usage` are the ids of sources whose usage names aliases, whatever their mappings say today.
    """
    once = cache(lambda: frozenset(with_usage()))
    header, rows = csv_rows(file)
    require_columns(file, header, REQUIRED, COLUMNS)
    faults: list[str] = []
    read: dict[tuple[str, str, datetime], AliasRow] = {}
    for number, row in enumerate(rows, start=2):
        try:
            alias = _alias_row(number, row, _Known(sources, org_ids, once))
            if (first := read.setdefault(alias.key, alias)) is not alias:
                raise RowFaultError(f"the alias stands in row {first.row} too, with the same beginning: remove one")
        except RowFaultError as fault:
            faults.append(f"{file}: row {number}: {fault}")
    if faults:
        raise ImportRefusedError(faults)
    return list(read.values())


class _Known(NamedTuple):
    """What the rows may name: sources, organizations, and ids of sources that name aliases no more."""

    sources: Mapping[str, SourceMapping]
    org_ids: Collection[str]
    with_usage: Callable[[], Collection[str]]


def _alias_row(number: int, row: Mapping[str, str], known: _Known) -> AliasRow:
    if None in row or None in row.values():
        raise RowFaultError("has not as many fields as the header: quote a field that holds a comma")
    texts = {name: text.strip() for name, text in row.items()}
    if empty := next((name for name in REQUIRED if not texts[name]), None):
        raise RowFaultError(f"{empty} is empty: every alias needs one")
    for name, text in texts.items():
        if fault := fault_of_text(name, text, LONGEST_ID):
            raise RowFaultError(fault)
    org_id, until = texts["org_id"], texts.get("until", "")
    if org_id != NOTHING and org_id not in known.org_ids:
        raise RowFaultError(f"organization {org_id!r} is not known: import it with `flybill import-orgs FILE` first")
    start = read_moment(texts["from"]) if texts.get("from") else EVER
    end = read_moment(until) if until not in ("", NOTHING) else None
    if end is not None and end <= start:
        raise RowFaultError(f"until {until} is not after from {texts.get('from')}")
    period = AliasPeriod(_source(texts["source"], known), texts["alias"], start, end, org_id)
    return AliasRow(number, period, taken_away=org_id == NOTHING, says_end=until != "")


def _source(name: str, known: _Known) -> str:
    """The id of a source that has aliases, which may be named by either."""
    sources = known.sources
    source = sources.get(name) or next((each for each in sources.values() if name == each.key), None)
    if source is not None and source.aliased:
        return source.key
    if (key := name if source is None else source.key) in known.with_usage():
        return key
    if source is None:
        raise RowFaultError(f"sources.toml has no source {name!r}{did_you_mean(name, list(sources))}")
    raise RowFaultError(f"source {name} has no aliases: its mapping must say org_id = {{ column = …, alias = true }}")
