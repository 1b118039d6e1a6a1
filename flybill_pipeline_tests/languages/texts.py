"""The texts that customers read, as they stand in the code and in templates, and what keeps catalogs in step with them.

`make texts` brings each catalog to the texts of today: new ones come without a translation, old ones go.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

import flybill_pipeline
from flybill_pipeline.languages.catalog import read

PACKAGE = Path(flybill_pipeline.__path__[0])
READ_BY_CUSTOMERS = ("billing/words", "web", "exports", "cli/render")
KEYWORDS = {"said": None, "counted": (1, 2)}
METHODS = {".py": "python", ".j2": "jinja2.ext:babel_extract"}


def texts() -> Catalog:
    """Every text, without a translation."""
    found = Catalog(fuzzy=False)
    for file in _files():
        for _, text, _, _ in extract_from_file(METHODS[file.suffix], str(file), KEYWORDS, options={"silent": "false"}):
            found.add(text)
    return found


def _files() -> Iterator[Path]:
    for folder in READ_BY_CUSTOMERS:
        yield from (file for file in sorted((PACKAGE / folder).rglob("*")) if file.suffix in METHODS)


def written(code: str) -> bytes:
    """The catalog of a language as its file should be: the texts of today, in order, with their translations."""
    known, catalog, out = read(code), Catalog(locale=code, fuzzy=False), BytesIO()
    for each in texts():
        if each.id:
            before = known.get(each.id)
            kept = catalog.add(each.id, before.string if before and before.id == each.id else "")
            kept.flags.discard("python-format")  # a % of ours is no place
    write_po(out, catalog, sort_output=True, width=120, omit_header=True)
    return HEAD.format(code=code, plurals=catalog.plural_forms).encode() + out.getvalue()


HEAD = """\
# What customers read. `make texts` brings in the texts of the code, and people translate them.
msgid ""
msgstr ""
"Language: {code}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


def main() -> None:
    for file in sorted((PACKAGE / "languages").glob("*.po")):
        file.write_bytes(written(file.stem))


if __name__ == "__main__":
    main()
