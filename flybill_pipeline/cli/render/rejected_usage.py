"""How usage that does not count is told: lines in `status`, all of it in `quarantine`, and its JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.rejected_usage import RejectedUsage
from flybill_pipeline.setting_values import MOST_LOOKBACK

if TYPE_CHECKING:  # `flybill status` must not wait for DuckDB
    from flybill_pipeline.stores.usage.lake.left_out import Place


IMPORTS = "`flybill import-aliases` says whose they are, and `flybill quarantine` names them"


def _waiting(rejected: RejectedUsage) -> str:
    events, aliases = rejected.events_waiting, len(rejected.waiting)
    wait = "event waits" if events == 1 else "events wait"
    nobodys = "alias that belongs" if aliases == 1 else "aliases that belong"
    return f"{events:,} {wait}, of {aliases:,} {nobodys} to nobody"


MOST_ALIASES = 40


def show_count(rejected: RejectedUsage) -> None:
    """A line for what somebody should look at, and one for what is only repeated; nothing where there is nothing."""
    files, unread, totals = len(rejected.files), rejected.unread, rejected.bad_totals
    rows, conflicts = rejected.bad_rows - totals, rejected.conflicts
    parts = [f"{files} file{'s' if files > 1 else ''} cannot be read"] if files else []
    parts += [f"{rows:,} row{'s are' if rows > 1 else ' is'} in quarantine"] if rows else []
    parts += [f"{totals:,} total{'s' if totals > 1 else ''} of a table's bad rows"] if totals else []
    parts += [f"{conflicts:,} row{'s have' if conflicts > 1 else ' has'} the id of another row"] if conflicts else []
    if parts:
        named = f": {', '.join(parts)}; `flybill quarantine` names them"
        screen.line(screen.warning("usage that does not count"), named)
    if unread:
        landed = f"{unread} landed file{'s are' if unread > 1 else ' is'} not read yet"
        screen.line(screen.warning("usage that does not count yet"), f": {landed}; the next close reads what is landed")
    if days := len(rejected.unrecorded):
        read = f"usage of {screen.counted(days, 'day')} was read and is not added up yet"
        screen.line(screen.warning("usage that does not count yet"), f": {read}; the sensors or the next close do it")
    if rejected.waiting:
        screen.line(screen.warning("usage that does not count yet"), f": {_waiting(rejected)}; {IMPORTS}")
    if rejected.repeats:
        screen.line(f"usage that counts once: {_repeat(rejected.repeats)} what another row says")
    for sentence in _as_told(rejected):
        screen.line(sentence)


def _as_told(rejected: RejectedUsage) -> Iterator[str]:
    """What does not count because the source mapping says so."""
    if rejected.replaced:
        yield f"usage that was restated: {rejected.replaced:,} row{_are(rejected.replaced)} replaced by later ones"
    if rejected.left_out:
        yield f"no usage: {rejected.left_out:,} row{_are(rejected.left_out)} left out, as `where` of their source says"


def _repeat(count: int) -> str:
    return "1 row repeats" if count == 1 else f"{count:,} rows repeat"


def _are(count: int) -> str:
    return " is" if count == 1 else "s are"


def show_rejected(rejected: RejectedUsage) -> None:
    """Every file with what to do about it, then the rows, then the ids with two contents."""
    for each in rejected.files:
        screen.line(screen.bad(each.file), " cannot be read")
        screen.fields({"what happened": each.what_happened, "what to do": each.what_to_do})
    for row in rejected.rows:
        screen.line(f"{row.file} row {row.row}: {row.message} ({row.reason})")
    if rejected.bad_rows > len(rejected.rows):
        screen.line(f"… and {rejected.bad_rows - len(rejected.rows):,} more rows: --limit shows more")
    if rejected.bad_totals:
        screen.line("Of a table in an engine each is a total, of as many rows as its `rows` say (--json shows them).")
        screen.line("To bill them: correct the rows there, or the source mapping; the next look brings them.")
    if rejected.bad_rows > rejected.bad_totals:
        screen.line("To bill them: mend the exporter or the source mapping, and land the rows again in a new file.")
    _show_conflicts(rejected)
    _show_waiting(rejected)
    _show_the_rest(rejected)


def _show_conflicts(rejected: RejectedUsage) -> None:
    for each in rejected.conflicting:
        screen.line(screen.bad(each.event_id), f" of source {each.source} came with two contents")
        screen.fields({"counts": _content(each.counts), "does not": _content(each.left_out)})
    if rejected.conflicts > len(rejected.conflicting):
        screen.line(f"… and {rejected.conflicts - len(rejected.conflicting):,} more such rows: --limit shows more")
    if rejected.conflicts:
        screen.line(
            "The first to arrive counts. A correction needs an id of its own and the difference as its quantity."
        )
        screen.line("Where the rows are different events: name in event_id every column that tells events apart.")


def _show_waiting(rejected: RejectedUsage) -> None:
    for each in rejected.waiting[:MOST_ALIASES]:
        days = f"{each.first_day} to {each.last_day}" if each.first_day < each.last_day else str(each.first_day)
        events = f"{each.events:,} event{'' if each.events == 1 else 's'}"
        said = rejected.remarks.get((each.source, each.alias))
        wait = f"{events} wait ({days})" + (f"; {said}" if said else "")
        screen.line(screen.bad(each.alias), f" of source {each.source} belongs to nobody: {wait}")
    if len(rejected.waiting) > MOST_ALIASES:
        screen.line(f"… and {len(rejected.waiting) - MOST_ALIASES:,} more aliases: --json has each")
    if rejected.waiting:
        screen.line("To bill them: say whose they are in a CSV file with the columns source,alias,org_id,")
        screen.line("`flybill import-aliases FILE`, and close the month again.")
    if rejected.lookback_for_all is not None:
        screen.line(screen.warning("waits for long"), f": {too_long_ago(rejected.lookback_for_all)}")


def too_long_ago(months: int) -> str:
    """What to do so that usage which waited for so long is billed."""
    late = "where the months of an organization are settled, its usage is billed late, as far back as"
    if months > MOST_LOOKBACK:
        return (
            f"{late} FLYBILL_LOOKBACK_MONTHS says, {MOST_LOOKBACK} at most: let it be {MOST_LOOKBACK} for the next"
            " close. What is older is not billed by itself: `flybill import-items` adds a line for it"
        )
    return f"{late} FLYBILL_LOOKBACK_MONTHS says: let it be {months} for the next close, and nothing of this is too old"


def _content(place: "Place") -> str:
    event = f"{place.org_id}, {plain(place.quantity)} {place.meter} {place.dimensions}"
    return f"{event} at {place.occurred_at:%Y-%m-%d %H:%M:%S} UTC ({place.file} row {place.row})"


def _show_the_rest(rejected: RejectedUsage) -> None:
    if rejected.unread:
        are, them = ("is", "it") if rejected.unread == 1 else ("are", "them")
        screen.line(f"{rejected.unread:,} of the landed files {are} not read yet; the next close reads {them}.")
    if rejected.repeats:
        screen.line(f"{_repeat(rejected.repeats)} what another row says: each id counts once.")
    for sentence in _as_told(rejected):
        screen.line(sentence)
    if not rejected.files and not rejected.bad_rows and not rejected.conflicts and not rejected.waiting:
        screen.line("Every row of every file that was read counts, or is a repetition of one that does.")


def rejected_data(rejected: RejectedUsage) -> dict[str, Any]:
    """The JSON of `flybill quarantine`."""
    return {
        **count_data(rejected),
        "aliases": [
            each._asdict()
            | {"first_day": str(each.first_day), "last_day": str(each.last_day)}
            | {"remark": rejected.remarks.get((each.source, each.alias))}
            for each in rejected.waiting
        ],
        "lookback_for_all": rejected.lookback_for_all,
        "rows": [row._asdict() for row in rejected.rows],
        "conflicting_ids": [
            {
                "source": each.source,
                "event_id": each.event_id,
                "counts": _place_data(each.counts),
                "left_out": _place_data(each.left_out),
            }
            for each in rejected.conflicting
        ],
    }


def _place_data(place: "Place") -> dict[str, Any]:
    return place._asdict() | {"quantity": plain(place.quantity), "occurred_at": place.occurred_at.isoformat()}


def count_data(rejected: RejectedUsage) -> dict[str, Any]:
    """The member `usage` of `flybill status --json`."""
    return {
        "files_unread": rejected.unread,
        "days_unrecorded": len(rejected.unrecorded),
        "files_broken": len(rejected.files),
        "rows_rejected": rejected.bad_rows,
        "repeats": rejected.repeats,
        "conflicts": rejected.conflicts,
        "left_out": rejected.left_out,
        "replaced": rejected.replaced,
        "events_waiting": rejected.events_waiting,
        "aliases_waiting": len(rejected.waiting),
        "broken_files": [asdict(each) for each in rejected.files],
    }
