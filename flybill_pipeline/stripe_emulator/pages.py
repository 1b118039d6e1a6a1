"""Lists: filters, cursors and order, as every Stripe list has them. Belongs here: building the one query. Does not:
SQL connections (`store`) or what the objects mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from . import objects
from .call import Call
from .errors import exclusive_params, no_such
from .store import Json, load

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Page:
    """A list to be read. `newest_first` is Stripe's order for all but the lines of an invoice."""

    kind: str
    url: str
    newest_first: bool = True
    conditions: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    def where(self, column: str, value: Any) -> Page:
        """Only objects whose column equals the value; None means no filter."""
        return self if value is None else self.matching(f"{column} = ?", value)

    def member(self, name: str, value: Any) -> Page:
        """The same for a member of the JSON body."""
        return self.where(f"json_extract(body, '$.{name}')", value)

    def among(self, column: str, values: list[Any]) -> Page:
        """Only objects whose column matches one of the values (`*` stands for anything); an empty list: no filter."""
        return self.matching("(" + " or ".join([f"{column} glob ?"] * len(values)) + ")", *values) if values else self

    def between(self, column: str, bounds: dict[str, int] | int | None) -> Page:
        """Stripe's interval filter: an exact value or any of gt, gte, lt, lte."""
        if not isinstance(bounds, dict):
            return self.where(column, bounds)
        page = self
        for name, bound in bounds.items():
            page = page.matching(f"{column} {_COMPARISONS[name]} ?", bound)
        return page

    def since(self, created: int) -> Page:
        """Only objects created at that time or later."""
        return self.between("created", {"gte": created})

    def matching(self, condition: str, *values: Any) -> Page:
        """Only objects for which the SQL condition holds."""
        return replace(self, conditions=(*self.conditions, condition), values=(*self.values, *values))


def list_page(call: Call, page: Page, params: Json) -> Json:
    """The page that limit, starting_after, ending_before and created ask for."""
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise exclusive_params(["starting_after", "ending_before"])
    page = page.where("livemode", call.livemode).between("created", params.get("created"))
    # Seen from the cursor, `ending_before` reads against the list's order; the rows found are turned round again.
    descending = page.newest_first != bool(before)
    if cursor := after or before:
        page = page.matching("seq < ?" if descending else "seq > ?", _position(call, page, cursor, bool(after)))
    limit = params.get("limit", 10)
    rows = call.store.rows(
        # Conditions are this package's own text; what the client sent is bound.
        f"select body from objects where {' and '.join(('kind = ?', *page.conditions))}"  # noqa: S608
        f" order by seq {'desc' if descending else 'asc'} limit ?",
        (page.kind, *page.values, limit + 1),
    )
    page_rows = [load(body) for (body,) in rows[:limit]]
    return objects.listing(page.url, page_rows[::-1] if before else page_rows, has_more=len(rows) > limit)


def _position(call: Call, page: Page, cursor: str, after: bool) -> int:
    position = call.store.sequence_of(cursor)
    if position is None:
        noun = page.kind.replace("_", " ")
        raise no_such(noun, cursor, param="starting_after" if after else "ending_before")
    return position
