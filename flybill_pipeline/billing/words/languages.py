"""Which languages customers can read, and what each calls itself. How they are said: `flybill_pipeline/languages`."""

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""By the code that HTML has for it."""
