"""Checks of what was landed and recorded. What counts as bad, silent or unusual, the step knows."""

from datetime import date
from itertools import islice

from flybill_pipeline.defs.checks.check import DAY, ERROR, WARN, WHOLE, Check, Finding, offenders
from flybill_pipeline.defs.metadata.tables import MOST_ROWS, evidence
from flybill_pipeline.steps.usage.watch_usage import bad_rows, silent_sources, unusual_volume
from flybill_pipeline.toolbox.publishing import unequal_days
from flybill_pipeline.toolbox.tools import Toolbox


def _bad_rows(toolbox: Toolbox, _: None) -> Finding:
    bad = bad_rows(toolbox.usage_health, toolbox.now())
    tables = evidence(bad.sources, "sources") | evidence(bad.broken, "files that could not be read")
    return Finding(bad.tolerable, tables, warning=not bad.alarming)


def _silent(toolbox: Toolbox, _: None) -> Finding:
    silent = silent_sources(toolbox.usage_health, toolbox.now())
    return offenders(silent, "silent sources")


def _conflicts(toolbox: Toolbox, day: date) -> Finding:
    manifest = toolbox.catalog.manifest(day)
    number = 0 if manifest is None else manifest.conflicts
    excluded = toolbox.lake.excluded([day], "conflict") if number else ()
    conflicts = [row._asdict() for row in islice(excluded, MOST_ROWS)]
    return offenders(conflicts, "conflicting rows that do not count", number)


def _unequal_days(toolbox: Toolbox, _: None) -> Finding:
    return offenders(unequal_days(toolbox), "days that differ")


def _unusual_volume(toolbox: Toolbox, day: date) -> Finding:
    unusual = unusual_volume(toolbox.usage_health, day)
    return offenders(unusual, "sources")


USAGE_CHECKS = (
    Check(
        name="quarantine_is_small",
        asset="landed_files",
        cut=WHOLE,
        severity=ERROR,
        holds="Of the last seven days' rows, at most one in a thousand of each source is in quarantine; every file "
        "could be read.",
        broken="Rows are in quarantine, or files could not be read.",
        remedy="See the tables, mend the exporter or the source mapping, and land the rows again under new names; "
        "those of a table in an engine are corrected there, and come with its next look.",
        no_alert_because="people are told of each broken file, and of the sources with bad rows, by name",
        look=_bad_rows,
    ),
    Check(
        name="no_source_is_silent",
        asset="landed_files",
        cut=WHOLE,
        severity=WARN,
        holds="Each source that delivers daily has usage for each day, but for the last two.",
        broken="Sources that deliver daily are silent.",
        remedy="Ask the source's owner; what comes later is billed later, within the look-back.",
        no_alert_because="people are told of each silent source by name",
        look=_silent,
    ),
    Check(
        name="no_conflicting_ids",
        asset="raw_usage",
        cut=DAY,
        severity=WARN,
        holds="No id of the day came with two contents or two days. The first to arrive stands.",
        broken="Ids of the day came with two contents or two days; the first to arrive stands.",
        remedy="Show the rows to the source's owner, as a correction needs an id of its own.",
        no_alert_because="nothing is lost or billed twice, and what is to be corrected the source's owner knows",
        look=_conflicts,
    ),
    Check(
        name="volume_is_usual",
        asset="raw_usage",
        cut=DAY,
        severity=WARN,
        holds="Each source landed between a quarter and four times the rows that it usually lands for a day.",
        broken="Sources landed far fewer or far more rows than they usually do.",
        remedy="Look whether files are missing, or were exported twice under new ids.",
        no_alert_because="a quiet or a busy day is mostly just that",
        look=_unusual_volume,
    ),
    Check(
        name="lake_is_open",
        asset="open_lake",
        cut=WHOLE,
        severity=ERROR,
        holds="Of each day the open tables have the events that the ledger counts: those of `events` that are not in "
        "`left_out`, and as many in `daily`.",
        broken="The open tables of the lake differ from the ledger. Bills are right: none is made of them.",
        remedy="Materialize `open_lake` again. If it stays red, another program has written to the tables: drop them "
        "in their catalog, then they are made anew.",
        no_alert_because=None,
        look=_unequal_days,
    ),
)
