"""Makes an answer of a template or of a sentence, and says on each page whom to ask. What stands in a page: `views`."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from flybill_pipeline.billing.words.sentence import Language, Sentence, say
from flybill_pipeline.web.answers import json_answer, wants_json
from flybill_pipeline.web.looks import environment
from flybill_pipeline.web.reader import language_of
from flybill_pipeline.web.views import Values


class Shown:
    """Pages of one deployment; `contact` is an e-mail address, or that of a page, where questions are answered."""

    def __init__(self, contact: str | None) -> None:
        self._contact = contact

    def page(self, template: str, values: Values, language: Language, status: int = 200) -> Response:
        """The template with these values, in a language."""
        text = environment(language).get_template(f"{template}.html.j2").render({**values, "contact": self._contact})
        return HTMLResponse(text, status)

    def sentence(self, request: Request, title: Sentence, text: Sentence, status: int) -> Response:
        """A page that says no more than this; JSON for who wants it."""
        language = language_of(request)
        if wants_json(request):
            return json_answer({"title": say(language, title), "message": say(language, text)}, status)
        return self.page("sentence", {"title": title, "text": text}, language, status)
