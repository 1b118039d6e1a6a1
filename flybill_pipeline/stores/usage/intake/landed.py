"""What `land` says of a file: where it is now and what was seen in it, or why it must not be landed. Lands nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from flybill_pipeline.stores.usage.intake.look import Look
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

CONFLICTS_IN_HUNDRED = 1
"""A single corrected row among many is told. More of them, and the mapping's event_id does not tell events apart."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a file now lies below the landing zone, whether the very same content was there already, what it has."""

    path: str
    already_there: bool
    look: Look

    @property
    def sentence(self) -> str:
        """What happened, for a person."""
        if self.already_there:
            return f"{self.path} was landed before with the same content."
        return " ".join(
            [
                f"Landed {self.path}: {_counted(self.look)}.",
                *_first_event(self.look),
                *_same_ids(self.look),
                *_nowhere(self.look),
            ]
        )


def refusal_of(look: Look, source: SourceMapping) -> str | None:
    """Why the file must not be landed, with the remedy; None when it may."""
    if not look.rows:
        return "there is no row in it, so nothing would be billed: land it when there is one"
    if not look.readable and look.left_out < look.rows:
        return (
            f"source {source.name!r} can read none of its {look.rows:,} rows; {look.first_fault}. The mapping expects"
            f" {', '.join(source.column_names())}: correct `columns` in sources.toml, or the file"
        )
    if look.conflicts * 100 > look.readable * CONFLICTS_IN_HUNDRED and not source.restates:
        names = ", ".join(column.name or column.described() for column in source.event_id or ())
        return (
            f"{look.conflicts:,} of {look.readable:,} rows have the id of an earlier row but other content, and would"
            f" not count; the event_id of source {source.name!r} is {names}: name every column there that tells"
            " events apart"
        )
    return None


def _counted(look: Look) -> str:
    rows = "1 row" if look.rows == 1 else f"{look.rows:,} rows"
    left_out = f", {look.left_out:,} are no usage" if look.left_out else ""
    fault = f" ({look.first_fault})" if look.first_fault else ""
    return f"{rows} looked at, {look.rows - look.bad - look.left_out:,} can be read{fault}{left_out}"


def _first_event(look: Look) -> Iterator[str]:
    if event := look.first_event:
        about = f"{event['org_id']}, {event['quantity'].rstrip('0').rstrip('.')} {event['meter']}"
        yield f"The first event is {event['event_id']}: {about} {event['dimensions']} at {event['occurred_at']} UTC."


def _same_ids(look: Look) -> Iterator[str]:
    if look.repeats:
        yield f"Rows that repeat an earlier one: {look.repeats:,}; each id counts once."
    if look.conflicts:
        yield f"Rows with the id of an earlier one but other content: {look.conflicts:,}; they will not count."


def _nowhere(look: Look) -> Iterator[str]:
    if look.nowhere:
        yield f"No row has a value for {', '.join(look.nowhere)}."
