"""In which language a page is read: as its reader chose, else the organization's, else the browser's. No texts."""

from starlette.requests import Request
from starlette.responses import Response

from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.languages.chosen import accepted, language

CHOICE = "lang"
"""In an address."""
COOKIE = "flybill_language"
KEPT_SECONDS = 365 * 24 * 3600


def chosen(request: Request) -> str | None:
    """What the reader chose, on this page or on an earlier one."""
    choices = (request.query_params.get(CHOICE), request.cookies.get(COOKIE))
    return next((code for code in choices if code in LANGUAGES), None)


def language_of(request: Request, of_org: str | None = None) -> Language:
    """The language of an answer; `of_org` is the organization's own."""
    return language(chosen(request) or of_org or accepted(request.headers.get("accept-language", "")))


def keep_choice(request: Request, answer: Response, *, secure: bool) -> None:
    """Lets the browser keep what was chosen on this page."""
    code = request.query_params.get(CHOICE)
    if code is not None and code in LANGUAGES:
        answer.set_cookie(COOKIE, code, max_age=KEPT_SECONDS, httponly=True, samesite="lax", secure=secure)
