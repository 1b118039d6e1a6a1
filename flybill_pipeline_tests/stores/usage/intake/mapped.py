"""Reads a text by a mapping that is written as TOML, as sources.toml has it: for tests of the mapping's language."""

from pathlib import Path
from typing import Any

from flybill_pipeline.stores.usage.intake.sources import SourceMapping, load_sources
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader

PLAIN = 'columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "q", occurred_at = "ts" }\n'


def source_of(toml: str, folder: Path) -> SourceMapping:
    """The one source that `toml` describes, but for its name and its files."""
    file = folder / "sources.toml"
    file.write_text(f'[[sources]]\nname = "t"\nfiles = "t/**"\n{toml}', "utf-8")
    return next(iter(load_sources(file).values()))


def read(reader: Reader, toml: str, content: str | bytes) -> Read:
    """What becomes of a file with this content."""
    source = source_of(toml, reader.root)
    if isinstance(content, str):
        return reader.text(content, source)
    file = reader.root / f"given.{source.format}"
    file.write_bytes(content)
    return reader.read(file, source)


def told(read: Read) -> list[str]:
    """The events as lines, by row and meter: org, meter, quantity, time, dimensions if any."""
    events = sorted(read.events, key=lambda event: (event["row"], event["meter"], event["occurred_at"]))
    return [line(event) for event in events]


def line(event: dict[str, Any]) -> str:
    """An event as one line."""
    time = f"{event['occurred_at']:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
    quantity = format(event["quantity"].normalize(), "f")
    dimensions = "" if event["dimensions"] == "{}" else f" {event['dimensions']}"
    return f"{event['org_id']} {event['meter']} {quantity} {time}{dimensions}"


def refused(read: Read) -> dict[int, str]:
    """Row → reason of what was refused."""
    return {reject["row"]: reject["reason"] for reject in read.rejects}
