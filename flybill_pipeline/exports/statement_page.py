"""The statement as one HTML file that needs no other, for any screen and for paper. Its look: `templates`."""

from functools import cache

from jinja2 import Template

from flybill_pipeline.exports.looks import environment, templates
from flybill_pipeline.questions.owed import Owed


def statement_html(owed: Owed) -> str:
    """The statement for a person; it loads nothing and runs nothing, whatever stands in the answer."""
    return _template().render(owed=owed)


@cache
def _template() -> Template:
    return environment(templates()).get_template("file.html.j2")
