"""How a preview of a usage file looks. What is in it: `questions.previewed`."""

from dataclasses import asdict
from typing import Any

from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.previewed import Previewed

SHOWN = 40


def preview_data(answer: Previewed) -> dict[str, Any]:
    """The answer as JSON."""
    found = answer.preview
    look = found.look
    counts = {name: getattr(look, name) for name in ("rows", "left_out", "repeats", "conflicts")}
    return {
        "rows": counts | {"refused": look.bad, "events": look.readable},
        "summed": asdict(answer.summed) if answer.summed else None,
        "known": found.known,
        "conflicting": found.conflicting,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "events": list(found.events),
        "sums": [each._asdict() for each in found.sums],
        "sums_are": "levels" if found.levels else "quantities",
        "without_value": list(look.nowhere),
        "refused": [each._asdict() for each in found.refused],
        "unknown_orgs": list(answer.unknown_orgs),
        "unknown_aliases": list(answer.unknown_aliases),
        "remarks": dict(answer.remarks),
        "unknown_meters": list(answer.unknown_meters),
        "summed_levels": list(answer.summed_levels),
        "prices_begin": None if answer.prices_begin is None else str(answer.prices_begin),
    }


def show_preview(answer: Previewed) -> None:
    """The answer as text."""
    found, rows = answer.preview, preview_data(answer)["rows"]
    screen.line("Nothing was stored.")
    in_lake = {"in the lake already": found.known, "in the lake with other content": found.conflicting}
    if summed := answer.summed:
        each = "totals"
        screen.line(
            f"The next look sums {screen.counted(summed.rows, 'row')} of {screen.counted(summed.days, 'day')}, each id"
            f" once; left out: {screen.counted(summed.repeats, 'repeat')}. What comes are totals of each day."
        )
        screen.numbers({"totals": rows["rows"], "refused": rows["refused"], **in_lake})
    else:
        each = "events"
        screen.numbers({
            "rows read": rows["rows"], "no usage, left out": rows["left_out"], "refused": rows["refused"],
            "events": rows["events"], "with the id of an earlier row, the same": rows["repeats"],
            "with the id of an earlier row, not the same": rows["conflicts"], **in_lake,
        })  # fmt: skip
    if found.first_at:
        screen.line(f"From {found.first_at} to {found.last_at} UTC.")
    _table(f"First {each}", ("row", "organization", "meter", "quantity", "time", "dimensions", "id"), [
        (e["row"], e["org_id"], e["meter"], e["quantity"], e["occurred_at"], e["dimensions"], e["event_id"])
        for e in found.events
    ])  # fmt: skip
    title = "Levels, after the last row of each" if found.levels else "Sums"
    _table(title, ("organization", "meter", "quantity", each), [
        (s.org_id, s.meter, s.quantity, f"{s.events:,}") for s in found.sums[:SHOWN]
    ])  # fmt: skip
    _table("Refused", ("row", "why", "what it looks like"), [
        (str(r.row), r.message, (r.raw or "")[:80]) for r in found.refused
    ])  # fmt: skip
    if found.look.nowhere:
        screen.line(screen.warning("in no row"), f": {_named(found.look.nowhere)}; the mapping may misspell it")
    if answer.unknown_orgs:
        screen.line(screen.warning("not imported"), f": {_named(answer.unknown_orgs)}; import-orgs takes them")
    if answer.unknown_aliases:
        aliases = _named(answer.unknown_aliases)
        screen.line(screen.warning("belong to nobody"), f": {aliases}; import-aliases says whose they are")
        for alias, said in list(answer.remarks.items())[:SHOWN]:
            screen.line(f"{alias}: {said}")
    if answer.unknown_meters:
        screen.line(screen.warning("without a price"), f": {_named(answer.unknown_meters)}; a price book names meters")
    if answer.summed_levels:
        why = "this source tells what a level is, and a price book adds rows up; time_weighted bills levels"
        screen.line(screen.warning("not a level"), f": {_named(answer.summed_levels)}: {why}")
    if begin := answer.prices_begin:
        why = f"the first price book is in force from {begin} on, as its effective_from says"
        screen.line(screen.warning("without a price"), f": usage of before {begin}; {why}")


def _table(title: str, titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        screen.line(screen.strong(title))
        screen.table(titles, rows, right=("quantity", "events", "totals", "row"))


def _named(names: Any) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
