"""The forms in which a statement can be kept, by name. How each looks: its own file."""

from collections.abc import Callable, Mapping

from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.exports.spreadsheet import statement_csv
from flybill_pipeline.exports.statement_json import statement_json
from flybill_pipeline.questions.owed import Owed


def _csv(owed: Owed, _: Language) -> str:
    """A file for programs: the same in every language."""
    return statement_csv(owed)


def _html(owed: Owed, language: Language) -> str:
    from flybill_pipeline.exports.statement_page import statement_html  # no other command waits for Jinja

    return statement_html(owed, language)


FORMS: Mapping[str, Callable[[Owed, Language], str]] = {"csv": _csv, "json": statement_json, "html": _html}
"""Name → the text of the file in a language, to be written as UTF-8."""
FOCUS = "focus"
"""A form of what was billed, in several files: exports/focus has it."""
