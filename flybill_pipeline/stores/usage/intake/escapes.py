"""CSV in which a character such as a backslash stands before quotes and delimiters, written as CSV that doubles quotes.

Spark, MySQL and Redshift write such files. The lines of the copy are those of the file; which rows are good: not here.
"""

import io
import re
from collections.abc import Iterator

from flybill_pipeline.stores.files.long_texts import LONGEST
from flybill_pipeline.stores.usage.intake.columns import Dialect


def unescaped(lines: Iterator[str], dialect: Dialect) -> Iterator[str]:
    """The lines with every text as it is without `escape`, and with `quotes` around it where it needs them.

    The escape goes before itself, a quote, the delimiter and the end of a line. Before anything else it is text, as in
    `\\N`. Where there are quotes, it is text outside of them as well: Spark writes C:\\dir so.
    """
    return _in_quotes(lines, dialect) if dialect.quote else _without_quotes(lines, dialect)


def _in_quotes(lines: Iterator[str], dialect: Dialect) -> Iterator[str]:
    quote, escape = dialect.quote, dialect.escape
    either = re.escape(quote) + re.escape(escape)
    text = re.compile(rf"(?:[^{either}]+|{re.escape(escape)}[\s\S]|{re.escape(quote)}{{2}})*")
    begin, within = re.compile(" *" * dialect.trim + re.escape(quote)), False
    for line in lines:
        if (escape not in line and line.count(quote) % 2 == 0) or (not within and _is_comment(line, dialect)):
            yield line
            continue
        pieces, at = list[str](), 0
        while at < len(line):
            if within and (found := text.match(line, at)) and found[0]:
                pieces.append(_plain(found[0], dialect, doubled=True))
                at = found.end()
            elif not within and (begun := begin.match(line, at)):
                within, at = True, begun.end()
                pieces.append(begun[0])
            else:  # the end of a text, and what is not quoted
                within, end = False, line.find(dialect.delimiter, at) + 1 or len(line)
                pieces.append(line[at:end])
                at = end
        yield "".join(pieces)


def _without_quotes(lines: Iterator[str], dialect: Dialect) -> Iterator[str]:
    delimiter, escape = re.escape(dialect.delimiter), re.escape(dialect.escape)
    field = re.compile(rf"((?:[^{delimiter}{escape}]+|{escape}[\s\S]?)*)({delimiter}|$)")
    for row in _rows(lines, dialect):
        body = row.removesuffix("\n").removesuffix("\r")
        if (dialect.escape not in row and dialect.quotes not in row and "\r" not in body) or _is_comment(row, dialect):
            yield row
            continue
        fields = (_quoted(_plain(text, dialect), dialect) + after for text, after in field.findall(body))
        yield from io.StringIO("".join(fields) + row[len(body) :], newline="")


def _rows(lines: Iterator[str], dialect: Dialect) -> Iterator[str]:
    """The lines, with those that an escaped end of a line parts put together. A CR alone is text, where it is not the
    end of the first line too.
    """
    held, size, of_text = list[str](), 0, True
    for number, line in enumerate(lines):
        of_text = of_text and not (number == 0 and line.endswith("\r"))
        held.append(line)
        size += len(line)
        body = line.rstrip("\r\n")
        escaped = body != line and (len(body) - len(body.rstrip(dialect.escape))) % 2 == 1
        if size < LONGEST and (escaped or (of_text and line.endswith("\r"))):
            continue
        yield "".join(held)
        held, size = [], 0
    if held:
        yield "".join(held)


def _plain(text: str, dialect: Dialect, *, doubled: bool = False) -> str:
    """The text without what stands before its characters; a quote that did is `doubled`."""
    if dialect.escape not in text:
        return text

    def one(found: re.Match[str]) -> str:
        after = found[1]
        if doubled and after == dialect.quote:
            return after * 2
        return after if after in (dialect.escape, dialect.delimiter, "'", '"', "\r", "\n") else found[0]

    return re.sub(rf"{re.escape(dialect.escape)}([\s\S])", one, text)


def _quoted(text: str, dialect: Dialect) -> str:
    quote = dialect.quotes
    if not any(mark in text for mark in (quote, dialect.delimiter, "\r", "\n")):
        return text
    return f"{quote}{text.replace(quote, quote * 2)}{quote}"


def _is_comment(line: str, dialect: Dialect) -> bool:
    return bool(dialect.comment) and line.startswith(dialect.comment)
