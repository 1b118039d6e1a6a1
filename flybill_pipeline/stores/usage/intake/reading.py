"""A usage file as SQL: where each part of a usage event stands in it. How a format gives that: the readers beside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.sources import Column, SourceMapping

_SEPARATOR = "chr(31)"


class UnreadableFileError(Exception):
    """The file does not fit its source mapping. `remedy` says what a person can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as SQL: each part of a usage event is an expression over `relation`, a VARCHAR unless said otherwise.

    `relation` is what costs least to keep: the columns as they are, or lines, from which `taken_out` (a select list)
    takes what the expressions need. `quantity` is a decimal already when `exact`, `occurred_at` the microseconds since
    1970 when `timed`. `raw` shows a row to a person. `not_a_row` is true of the relation's blank lines, `malformed` of
    records without columns, `doubled` of those that name one twice. `first_row` is the number of the first record: 1,
    or 2 below a CSV file's header. Where the format tells a record's place in the file, from 0, it is `placed`: the
    relation's column `place`.
    `quoted`: a record may span lines, so a rejected one may hide others.
    """

    relation: str
    event_id: str
    org_id: str
    meter: str
    quantity: str
    occurred_at: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    taken_out: str = "*"
    raw: str = "null"
    exact: bool = False
    timed: bool = False
    not_a_row: str = "false"
    malformed: str = "false"
    doubled: str = "false"
    first_row: int = 1
    placed: bool = False
    quoted: bool = False


def by_columns(relation: str, source: SourceMapping, text: Callable[[Column], str]) -> Reading:
    """The reading of a file with columns, as far as all such formats are alike; `text` gives a column as VARCHAR."""
    shown = ", ".join(f"{quoted(name)}, {text(Column(name=name))}" for name in source.column_names())
    return Reading(
        relation=relation,
        event_id=event_id_of(source, text),
        org_id=text(source.org_id),
        meter=text(source.meter),
        quantity=text(source.quantity),
        occurred_at=text(source.occurred_at),
        dimensions={name: text(column) for name, column in source.dimensions.items()},
        raw=f"cast(json_object({shown}) as varchar)",
    )


def require_columns(source: SourceMapping, names: list[str]) -> None:
    """Raises UnreadableFileError when a file with the columns `names` lacks one that the mapping needs."""
    twice = [name for name in source.column_names() if names.count(name) > 1]
    if twice:
        raise UnreadableFileError(
            f"the file has the column {twice[0]!r} more than once, and nobody can tell which one counts",
            "export the file again with different names",
        )
    missing = [name for name in source.column_names() if name not in names]
    if missing:
        raise UnreadableFileError(
            f"the file has no column {', '.join(map(repr, missing))}; its columns are {', '.join(names) or '(none)'}",
            f"correct `columns` or `dimensions` of source {source.name!r} in sources.toml, or export the file again",
        )


def texts_of(source: SourceMapping, at: Callable[[str], str]) -> Callable[[Column], str]:
    """SQL for a column's text, or for a constant; `at` gives the expression of a column by its name."""

    def text(column: Column) -> str:
        if column.name is None:
            return quoted(column.constant or "")
        value = at(column.name)
        if source.null_values and source.format != "csv":  # the CSV reader has seen to it
            nulls = ", ".join(quoted(null) for null in source.null_values)
            value = f"case when {value} in ({nulls}) then null else {value} end"
        return value

    return text


def event_id_of(source: SourceMapping, text: Callable[[Column], str]) -> str:
    """SQL for the event's id: one column, or a hash of several; NULL when all of them are absent."""
    if len(source.event_id) == 1:
        return text(source.event_id[0])
    # Absent parts are marked, so that (a, absent) and (absent, a) are two events.
    parts = ", ".join(f"coalesce({text(column)}, chr(30))" for column in source.event_id)
    absent = f"coalesce({', '.join(text(column) for column in source.event_id)}) is null"
    return f"case when not ({absent}) then md5(concat_ws({_SEPARATOR}, {parts})) end"
