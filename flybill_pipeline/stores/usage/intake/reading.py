"""A usage file as SQL: what each part of a usage event is, over the file's rows. How a format gives rows: the readers.

What a mapping says of a value is put together here, the same for every format; judging.py decides which rows are good.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from flybill_pipeline.billing.usage.texts import BLANKS
from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Column, value_in
from flybill_pipeline.stores.usage.intake.event_ids import SEPARATOR
from flybill_pipeline.stores.usage.intake.expressions import gives_text, sql_over
from flybill_pipeline.stores.usage.intake.moments import time_sql
from flybill_pipeline.stores.usage.intake.scaling import in_words, plain_marks, scaled
from flybill_pipeline.stores.usage.intake.sifting import left_out
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.values import json_value

Text = Callable[[str], str]
"""SQL for a column's text, by its name."""

Role = Literal["text", "identity", "id", "number", "moment"]
"""What a column's text is needed for. An `id` is the identity of an event."""

EXACT = ("number", "identity", "id")


class UnreadableFileError(Exception):
    """The file does not fit its source mapping. `remedy` says what a person can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class TooLargeError(UnreadableFileError):
    """The file is more than can be held at once, whatever it is."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file as SQL, by column. `relation` is what costs least to keep: the columns as they are, or lines,
    from which `taken_out` (a select list) takes what the expressions need.

    A column is a `text`; as an `identity`, a `number` or a `moment` its digits are proven, where the format makes that
    needful. In an event's id it is an `id` where that is another text: ids stay as they ever were. Where its type says
    enough, `exact` gives it as a decimal and `micros` as microseconds since 1970; where that is another text, `json`
    gives it as JSON. `raw` shows a row to a person. `not_a_row` is true of the relation's
    blank lines, `malformed` of records without columns, `doubled` of those that name one twice. `first_row` is the
    number of the first record: 1, or 2 below a CSV file's header. Where the format tells a record's place in the file,
    from 0, it is `placed`: the relation's column `place`.
    `quoted`: a record may span lines, so a rejected one may hide others.
    `quick` are the same rows, each column's text taken as it comes: it is proven where `sure` is true. Then
    `clean` ones are texts as they stand in JSON, with nothing escaped; and `numbers` are JSON's, or no number at all.
    """

    relation: str
    text: Text
    identity: Text
    number: Text
    moment: Text
    id: Text | None = None
    json: Text | None = None
    exact: Mapping[str, str] = field(default_factory=dict)
    micros: Mapping[str, str] = field(default_factory=dict)
    taken_out: str = "*"
    raw: str = "null"
    not_a_row: str = "false"
    malformed: str = "false"
    doubled: str = "false"
    first_row: int = 1
    placed: bool = False
    quoted: bool = False
    sure: str = "true"
    clean: Collection[str] = ()
    numbers: Collection[str] = ()
    quick: "Rows | None" = None

    def column(self, name: str, role: Role) -> str:
        """SQL for a column's text, for this use of it."""
        ids = self.id or self.identity
        texts: Mapping[Role, Text] = {"text": self.text, "identity": self.identity, "id": ids, "number": self.number}
        return texts.get(role, self.moment)(name)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a mapping may ask of a file beside its rows: its path below the landing zone, a hash of its content, and
    which of its lines are not in the copy that is read: lines of that, from 1 on, from which on so many are missing."""

    path: str = ""
    digest: str = ""
    gaps: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One meter of a row, as SQL. `quantity` is a text, a decimal where `exact`.

    Its time is that of the row; or it is an interval, whose ends are times (`begins`, `ends`) and texts.
    """

    meter: str
    quantity: str
    exact: bool = False
    begins: str = ""
    ends: str = ""
    begins_text: str = ""
    ends_text: str = ""
    scaled: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as SQL: each part of a usage event is an expression over `rows`, a VARCHAR unless said otherwise.

    `occurred_at` is the time as a text, or the microseconds since 1970 when `timed`; `time` is SQL for the UTC time,
    over that text as `t`. `left_out` is true of rows that are no usage. `quick` is the same of the rows' quick form.
    """

    rows: Rows
    event_id: str
    org_id: str
    parts: tuple[Part, ...]
    occurred_at: str
    time: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False
    left_out: str = "false"
    gaps: Sequence[tuple[int, int]] = ()
    quick: "Reading | None" = None

    @property
    def above(self) -> int:
        """How many lines of the file stand above what is read."""
        return self.gaps[0][1] if self.gaps and self.gaps[0][0] == 1 else 0

    @property
    def simple(self) -> bool:
        """Whether each row is one event."""
        return len(self.parts) == 1 and not self.parts[0].begins


def compiled(rows: Rows, source: SourceMapping, facts: FileFacts) -> Reading:
    """The reading of a file with these rows by the mapping `source`."""
    values = _Values(rows, source, facts)
    micros = _typed(rows.micros, source.occurred_at)
    return Reading(
        rows=rows,
        event_id=values.event_id(),
        org_id=values.owner(),
        parts=tuple(values.part(part.meter, part.quantity) for part in source.parts),
        occurred_at=micros or values.text(source.occurred_at, "moment"),
        time="time_of_micros(t)" if micros else time_sql(source.occurred_at, "t"),
        dimensions={name: values.text(column, "text") for name, column in source.dimensions.items()},
        timed=micros is not None,
        left_out=left_out(source, rows.text),
        gaps=facts.gaps,
        quick=compiled(rows.quick, source, facts) if rows.quick else None,
    )


def by_columns(relation: str, source: SourceMapping, text: Text) -> Rows:
    """The rows of a file with columns, as far as all such formats are alike; `text` gives a column as VARCHAR."""
    shown = ", ".join(f"{quoted(name)}, {text(name)}" for name in source.column_names())
    raw = f"cast(json_object({shown}) as varchar)"
    return Rows(relation, text=text, identity=text, number=text, moment=text, raw=raw)


def without_nulls(source: SourceMapping, at: Text) -> Text:
    """SQL for a column's text, where texts that mean "absent" are NULL; `at` gives a column by its name."""
    if not source.null_values:
        return at
    nulls = ", ".join(quoted(null) for null in source.null_values)
    return lambda name: f"case when {at(name)} in ({nulls}) then null else {at(name)} end"


def _typed(typed: Mapping[str, str], column: Column) -> str | None:
    """A column as its type has it, where the mapping takes it as it is."""
    return typed.get(column.name or "") if column == Column(name=column.name) else None


@dataclass(frozen=True, slots=True)
class _Values:
    """Puts the values of one mapping together over the rows of one file."""

    rows: Rows
    source: SourceMapping
    facts: FileFacts

    def text(self, column: Column, role: Role) -> str:
        """SQL for the value as a text."""
        text = self._origin(column, role)
        return in_words(text, column.words, strict=False) if column.words else text

    def owner(self) -> str:
        """SQL for whose the usage is. An alias is compared with what a person wrote, so blanks around it are none."""
        text = self.text(self.source.org_id, "identity")
        return f"trim({text}, {quoted(BLANKS)})" if self.source.aliased else text

    def event_id(self) -> str:
        """SQL for the event's id: one column, or what several make together; NULL when all of them are absent."""
        columns = self.source.event_id
        if columns is None:
            return f"concat('row-{self._file()[:24]}-', place + 1)"
        texts = [self.text(column, "id") for column in columns]
        if len(texts) == 1:
            return texts[0]
        # Absent parts are marked, so that (a, absent) and (absent, a) are two events.
        marked = ", ".join(f"coalesce({text}, chr(30))" for text in texts)
        absent = f"coalesce({', '.join(texts)}) is null"
        return f"case when not ({absent}) then id_of_parts(concat_ws({SEPARATOR}, {marked})) end"

    def _file(self) -> str:
        """What tells the file from others: what is in it, and what the mapping reads of its path, such as the day."""
        asked = {pattern for value in self.source.values() for pattern in value.paths()}
        said = [f"{pattern}\0{value_in(self.facts.path, pattern)}" for pattern in sorted(asked)]
        return sha256("\0".join([self.facts.digest, *said]).encode()).hexdigest() if said else self.facts.digest

    def part(self, meter: Column, quantity: Column) -> Part:
        """What one meter of a row is made of."""
        name = self.text(meter, "text")
        if quantity.interval:
            begins, ends = quantity.interval
            return Part(
                meter=name,
                quantity="",
                begins=self._moment(begins),
                ends=self._moment(ends),
                begins_text=self.text(begins, "moment"),
                ends_text=self.text(ends, "moment"),
                scaled=lambda text: self._scaled(quantity, text),
            )
        exact = _typed(self.rows.exact, quantity)
        return Part(name, exact or self._number(quantity), exact=exact is not None)

    def _moment(self, column: Column) -> str:
        micros = _typed(self.rows.micros, column)
        return f"time_of_micros({micros})" if micros else time_sql(column, self.text(column, "moment"))

    def _number(self, column: Column) -> str:
        text = self._origin(column, "number")
        if column.words:
            text = in_words(text, column.words, strict=True)
        elif column.json is None and (column.name is not None or (column.sql is not None and gives_text(column.sql))):
            text = plain_marks(text, self.source.dialect)  # JSON, and what was worked out, has a point in any file
        return self._scaled(column, text)

    def _scaled(self, column: Column, text: str) -> str:
        if (column.times, column.divide_by, column.decimals) == (None, None, None):
            return text
        times, divide_by = (self._number(each) if each else "'1'" for each in (column.times, column.divide_by))
        return scaled(text, (times, divide_by), column.decimals)

    def _origin(self, column: Column, role: Role) -> str:
        if column.json is not None:
            return self._of_json(column, column.json, role)
        if column.sql is not None:
            return self._of_sql(column.sql, role)
        if column.path is not None:
            return _of_path(self.facts.path, column.path)
        if column.name is None:
            return quoted(column.constant or "")
        return " || ' ' || ".join(self.rows.column(name, role) for name in (column.name, *column.more))

    def _of_sql(self, text: str, role: Role) -> str:
        return sql_over(text, lambda name: self.rows.column(name, role), exact=role in EXACT)

    def _of_json(self, column: Column, path: str, role: Role) -> str:
        name, as_text = column.name or "", role if role in EXACT else "text"
        kind = "identity" if role == "id" else role
        if column.sql is not None:  # a lambda has the long text put in only once
            return f"list_transform([{self._of_sql(column.sql, as_text)}], lambda j: {json_value('j', path, kind)})[1]"
        return json_value(self.rows.json(name) if self.rows.json else self.rows.column(name, as_text), path, kind)


def _of_path(path: str, pattern: str) -> str:
    value = value_in(path, pattern)
    return "null::varchar" if value is None else quoted(value)
