"""The billing month: a half-open UTC interval [start, end). No clock belongs here: "now" is always handed in."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

FIRST_YEAR_ASKED, LAST_YEAR_ASKED = 1900, 9900
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month in UTC, such as 2026-10; ordered by time. Raises ValueError when there is no such month."""

    year: int
    number: int
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # 9999-12 is left out because its end, the first instant of the next month, cannot be a datetime.
        if not (1 <= self.number <= 12 and 1 <= self.year <= 9998):
            raise ValueError(
                f"there is no month {self.year:04d}-{self.number:02d}; write it as YYYY-MM, such as 2026-10"
            )
        # Once, since every line of a bill says it.
        object.__setattr__(self, "_text", f"{self.year:04d}-{self.number:02d}")

    @classmethod
    @lru_cache(maxsize=1_000)  # every line that is read names one
    def parse(cls, text: str) -> "Month":
        """The month that `text` names as YYYY-MM. Raises ValueError for anything else."""
        match = _MONTH.fullmatch(text)
        if match is None or not text.isascii():
            raise ValueError(f"{text!r} is not a month; write it as YYYY-MM, such as 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def asked(cls, text: str) -> "Month":
        """The month that somebody asks for: what is billed in it looks at the years around it, so these must exist.

        Raises ValueError.
        """
        month = cls.parse(text)
        if not FIRST_YEAR_ASKED <= month.year <= LAST_YEAR_ASKED:
            raise ValueError(f"{text} is too far away; write a year from {FIRST_YEAR_ASKED} to {LAST_YEAR_ASKED}")
        return month

    @classmethod
    def of(cls, moment: date | datetime) -> "Month":
        """The month that holds `moment`: a date, or a datetime that knows its zone (ValueError when it does not)."""
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ValueError(f"{moment.isoformat()} has no time zone, so its month is not known")
            moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    def __str__(self) -> str:
        return self._text

    @property
    def start(self) -> datetime:
        """The first instant, in UTC; belongs to the month."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant of the next month, in UTC; does not belong to the month."""
        year, number = (self.year + 1, 1) if self.number == 12 else (self.year, self.number + 1)
        return datetime(year, number, 1, tzinfo=UTC)

    @property
    def first_day(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        return self.end.date() - timedelta(days=1)

    def days(self) -> list[date]:
        """Every day of the month, in order."""
        return [date(self.year, self.number, day) for day in range(1, self.last_day.day + 1)]

    def previous(self) -> "Month":
        return Month(self.year - 1, 12) if self.number == 1 else Month(self.year, self.number - 1)

    def through(self, last: "Month") -> list["Month"]:
        """This month and those after it, `last` too; none where that is before it."""
        months, month = [], self
        while month <= last:
            months.append(month)
            month = month.next()
        return months

    def next(self) -> "Month":
        return Month(self.year + 1, 1) if self.number == 12 else Month(self.year, self.number + 1)


def last_day_of(end: datetime) -> date:
    """The last day of a time that ends before the instant `end`, in UTC: what people are told, who count days whole."""
    return (end.astimezone(UTC) - timedelta.resolution).date()
