"""Which rows of a file are usage: what a mapping says of that, as SQL over the file's columns."""

from collections.abc import Callable

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Wanted
from flybill_pipeline.stores.usage.intake.expressions import sql_over
from flybill_pipeline.stores.usage.intake.source_mapping import SourceMapping


def left_out(source: SourceMapping, text: Callable[[str], str]) -> str:
    """SQL, true of rows that are no usage; `text` gives SQL for a column's text, by its name."""
    wanted = [_fulfilled(each, text(each.column)) for each in source.where]
    if source.where_sql is not None:
        wanted.append(f"coalesce({sql_over(source.where_sql.sql or '', text)} = 'true', false)")
    return " or ".join(f"not ({each})" for each in wanted) or "false"


def _fulfilled(wanted: Wanted, text: str) -> str:
    """A value that is absent is none of those that are wanted, and not one of those that are not."""
    if wanted.present is not None:
        return f"(coalesce({text}, '') <> '') = {wanted.present}"
    listed = f"coalesce({text} in ({', '.join(map(quoted, wanted.values))}), false)"
    return f"not {listed}" if wanted.negated else listed
