"""Whether a file has the columns that its mapping names, and what is said where it has not. Nothing is read here."""

from flybill_pipeline.stores.files.close_names import did_you_mean
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping


def require_columns(source: SourceMapping, names: list[str]) -> None:
    """Raises UnreadableFileError when a file with the columns `names` lacks one that the mapping needs."""
    twice = [name for name in source.column_names() if names.count(name) > 1]
    if twice:
        by_hand = ", or leave out its header by `skip` of `csv`, and name its columns by `header`"
        raise doubled_name("column", twice[0], by_hand if source.format == "csv" else "")
    missing = [name for name in source.column_names() if name not in names]
    if missing:
        blank = [name for name in names if name.strip() in missing]
        if source.format == "csv" and set(missing) <= {name.strip() for name in blank}:
            remedy = f"say csv = {{ trim = true }} in source {source.name!r}"
            raise UnreadableFileError(f"names of columns have blanks around them, such as {blank[0]!r}", remedy)
        also = next(filter(None, (_nearly(each, names) for each in missing)), "")
        raise UnreadableFileError(
            f"the file has no column {', '.join(map(repr, missing))}{also}; its columns are"
            f" {', '.join(names) or '(none)'}",
            f"correct `columns` or `dimensions` of source {source.name!r} in sources.toml, or export the file again"
            + next(filter(None, (_within(each, names) for each in missing)), ""),
        )


def doubled_name(kind: str, name: str, also: str = "") -> UnreadableFileError:
    """What to raise where a `kind` of name, such as a column's, stands twice; `also` is a further remedy."""
    return UnreadableFileError(
        f"the file has the {kind} {name!r} more than once, and nobody can tell which one counts",
        f"export the file again with different names{also}",
    )


def _within(wanted: str, names: list[str]) -> str:
    """Says how what is in a list, or in JSON in a text, is named, where the path leads into a column."""
    column = max((name for name in names if wanted.startswith((f"{name}.", f"{name}["))), key=len, default="")
    if not column:
        return ""
    path = wanted.removeprefix(column).removeprefix(".")
    written = f"'{path}'" if '"' in path else f'"{path}"'
    value = f'{{ column = "{column}", json = {written} }}'
    return f"; a path into a list, or into JSON in a text, stands beside the column: {value}"


def _nearly(wanted: str, names: list[str]) -> str:
    """Says which column was meant, where one is close to it."""
    same = next((name for name in names if name.strip().casefold() == wanted.strip().casefold()), None)
    return did_you_mean(wanted, names) if same is None else f" (it has {same!r})"
