"""Tables of the source mapping's TOML, read key by key, each fault under its path. What keys mean: not here."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flybill_pipeline.stores.files.close_names import did_you_mean

KINDS = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table", list: "a list"}


class Table:
    """A TOML table being read; what is wrong is collected in `faults` under the table's path."""

    def __init__(self, values: Any, path: str, faults: list[str]) -> None:
        self.path, self.faults = path, faults
        self.values = dict(values) if isinstance(values, dict) else {}
        self._known: set[str] = set()
        if not isinstance(values, dict):
            self.fault("", f"must be a table, not {values!r}")

    def __contains__(self, key: str) -> bool:
        self._known.add(key)
        return key in self.values

    def fault(self, key: str, message: str) -> None:
        """Notes a fault of the key; "" is the table itself."""
        self.faults.append(f"{'.'.join(part for part in (self.path, key) if part)}: {message}")

    def pop(self, key: str) -> Any:
        """The value as it stands there, or None."""
        self._known.add(key)
        return self.values.pop(key, None)

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        """The value, if it is of this kind; a key without a default must be there."""
        value = self.pop(key)
        if value is None:
            if default is None:
                self.fault(key, "missing")
            return kind() if default is None else default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fault(key, f"must be {KINDS[kind]}, not {value!r}")
            return kind() if default is None else default
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """A text that is one of `choices`."""
        value = str(self.take(key, str, default))
        if value and value not in choices:
            guess = did_you_mean(value, choices)
            self.fault(key, f"must be one of {', '.join(choices)}, not {value!r}{guess}")
            return default or choices[0]
        return value

    def character(self, key: str, default: str) -> str:
        """A text of one character, or none."""
        value = str(self.take(key, str, default))
        if len(value) > 1:
            self.fault(key, f"must be one character, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A text, or a list of them that is not empty."""
        value = self.pop(key)
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            self.fault(key, f"must be a text or a list of texts, not {value!r}")
            return ()
        return tuple(texts)

    def table(self, key: str) -> "Table":
        """The table under the key; an empty one where there is none."""
        return self.of(key, self.take(key, dict, {}))

    def of(self, key: str, values: Any) -> "Table":
        """A table that stands somewhere in the value of the key."""
        return Table(values, ".".join(part for part in (self.path, key) if part), self.faults)

    def nothing_else(self) -> None:
        """Notes every key that was not asked for."""
        for key in self.values:
            self.fault(key, f"unknown key{did_you_mean(key, sorted(self._known))}")


def plain_text(value: Any) -> str | None:
    """A text, number or truth of the TOML as the text that a file has in its place; None of anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return format(Decimal(value), "f")
    return value if isinstance(value, str) else None
