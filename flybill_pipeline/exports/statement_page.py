"""The statement as one HTML file that needs no other, for any screen and for paper. Its look: `templates`."""

from functools import cache

from jinja2 import Template

from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.exports.looks import environment, templates
from flybill_pipeline.questions.owed import Owed


def statement_html(owed: Owed, language: Language = ENGLISH) -> str:
    """The statement for a person; it loads nothing and runs nothing, whatever stands in the answer."""
    return _template(language).render(owed=owed)


@cache
def _template(language: Language) -> Template:
    return environment(templates(), language).get_template("file.html.j2")
