"""The forms in which a statement can be kept, by name. How each looks: its own file."""

from collections.abc import Callable, Mapping

from flybill_pipeline.exports.spreadsheet import statement_csv
from flybill_pipeline.exports.statement_json import statement_json
from flybill_pipeline.questions.owed import Owed


def _html(owed: Owed) -> str:
    from flybill_pipeline.exports.statement_page import statement_html  # no other command waits for Jinja

    return statement_html(owed)


FORMS: Mapping[str, Callable[[Owed], str]] = {"csv": statement_csv, "json": statement_json, "html": _html}
"""Name → the text of the file, to be written as UTF-8."""
FOCUS = "focus"
"""A form of what was billed, in several files: exports/focus has it."""
