"""Single fields of a price book's TOML, every fault collected with its path. What a price book means is not here."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flybill_pipeline.billing.usage.texts import fault_of_words
from flybill_pipeline.stores.files.close_names import did_you_mean

# More digits than this on either side of the point is a slip of the keyboard, and would not be exact.
_MOST_DIGITS = 30
_LONGEST_WORDS = 80
# A number as text: what usage and `flybill quote` take. Decimal itself would take blanks, underlines, other digits.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class Fields:
    """One TOML table, read field by field: a fault is noted with its full path, and None (or the default) given back.

    Faults go to the list that is handed in, so that one reading of a folder names everything that is wrong with it.
    """

    def __init__(self, table: Mapping[str, Any], path: str, faults: list[str]) -> None:
        self._table = table
        self._path = path
        self._faults = faults

    def __contains__(self, name: str) -> bool:
        return name in self._table

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the table, in the order of the file."""
        return tuple(self._table)

    @property
    def fault_count(self) -> int:
        """How many faults were noted so far, here or elsewhere: when it grows, something that was read is wrong."""
        return len(self._faults)

    def fault(self, name: str, problem: str) -> None:
        """Notes a fault of the field `name`; "" is the table itself."""
        self._faults.append(f"{self.path(name)}: {problem}")

    def path(self, name: str) -> str:
        """Where the field stands, such as `usd.toml: prices[2].tiers`."""
        if not name:
            return self._path
        return f"{self._path} {name}" if self._path.endswith(":") else f"{self._path}.{name}"

    def only(self, known: Collection[str]) -> None:
        """Notes every key that is not among `known`."""
        for name in self._table:
            if name not in known:
                self.fault(name, f"unknown key{did_you_mean(name, known) or self._without_quotes(name)}")

    def _without_quotes(self, name: str) -> str:
        """What to write, where TOML took a name with points for a table in this table."""
        table = self._table[name]
        if not isinstance(table, Mapping) or self._path.endswith(":"):
            return ""
        names = [self._path.rpartition(".")[2], name]
        while len(table) == 1 and isinstance(inner := next(iter(table.values())), Mapping):
            names.append(next(iter(table)))
            table = inner
        return f" (a name with points is written in quotes: {json.dumps('.'.join(names), ensure_ascii=False)})"

    def text(self, name: str, *, default: str | None = None) -> str | None:
        """A string that is not empty."""
        value = self._get(name, default)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.fault(name, f"must be text, not {value!r}")
        return None

    def words(self, name: str, *, default: str | None = None) -> str | None:
        """A text that people read on every line: it prints, and is short enough for a line to hold it whole."""
        value = self.text(name, default=default)
        if value is None or (fault := fault_of_words(name, value, _LONGEST_WORDS)) is None:
            return value
        self.fault(name, fault)
        return None

    def choice(self, name: str, choices: Sequence[str], *, default: str | None = None) -> str | None:
        """A string that is one of `choices`."""
        value = self.text(name, default=default)
        if value is None or value in choices:
            return value
        self.fault(name, f"unknown {name} {value!r}{did_you_mean(value, choices)}; one of {', '.join(choices)}")
        return None

    def number(
        self, name: str, *, default: Decimal | None = None, positive: bool = False, required: bool = True
    ) -> Decimal | None:
        """An exact number, as a TOML number or a string of digits; not negative, and not 0 where `positive`."""
        value = self._get(name, default, required=required)
        if value is None:
            return None
        number = _exact(value)
        if number is None:
            self.fault(
                name, f"must be a number of at most {_MOST_DIGITS} digits before and after the point, not {value!s}"
            )
        elif number < 0 or (positive and number == 0):
            self.fault(name, f"must be {'more than 0' if positive else '0 or more'}, not {value!s}")
        else:
            return number
        return None

    def day(self, name: str) -> date | None:
        """A TOML date."""
        value = self._get(name)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value is not None:
            self.fault(name, f"must be a date such as 2026-01-01, without quotes or a time, not {value!r}")
        return None

    def flag(self, name: str) -> bool:
        """`true` or `false`; without one it is false."""
        value = self._get(name, False, required=False)
        if not isinstance(value, bool):
            self.fault(name, "must be true or false")
        return value is True

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of different strings; empty when absent."""
        value = self._table.get(name, [])
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            if len(set(value)) == len(value):
                return tuple(value)
            self.fault(name, "names the same thing twice")
        else:
            self.fault(name, f'must be a list of texts such as ["region"], not {value!r}')
        return ()

    def text_table(self, name: str) -> dict[str, str]:
        """A table of strings; empty when absent."""
        value = self._table.get(name, {})
        if not isinstance(value, dict):
            self.fault(name, f'must be a table such as {{ region = "ams" }}, not {value!r}')
            return {}
        texts = Fields(value, self.path(name), self._faults)
        return {key: text for key in value if (text := texts.text(key)) is not None}

    def table(self, name: str) -> "Fields":
        """A table inside this one; empty when absent."""
        value = self._table.get(name, {})
        if not isinstance(value, dict):
            self.fault(name, f"must be a table, not {value!r}")
            value = {}
        return Fields(value, self.path(name), self._faults)

    def tables(self, name: str) -> list["Fields"]:
        """A list of tables inside this one; empty when absent."""
        value = self._table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault(name, "must be a list of tables")
            return []
        return [Fields(item, f"{self.path(name)}[{position}]", self._faults) for position, item in enumerate(value)]

    def named_tables(self, name: str) -> dict[str, "Fields"]:
        """The tables inside the table `name`, by their names."""
        inner = self.table(name)
        return {key: inner.table(key) for key in inner.names}

    def _get(self, name: str, default: Any = None, *, required: bool = True) -> Any:
        if name not in self._table and default is None and required:
            self.fault(name, "is missing")
        return self._table.get(name, default)


def _exact(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MOST_DIGITS or number.adjusted() >= _MOST_DIGITS:
        return None
    return number
