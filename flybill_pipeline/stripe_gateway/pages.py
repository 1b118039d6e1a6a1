"""One page of a listing of Stripe's, read into values. Asking for pages is the gateway's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flybill_pipeline.stripe_gateway.shapes import text_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The entries of a page, and the id after which the next one begins; None on the last."""

    entries: Sequence[T]
    after: str | None


def read_page(read: Callable[[Mapping[str, Any]], T], data: Mapping[str, Any]) -> Page[T]:
    """A page whose entries are read by `read`. Raises one of `shapes.NONSENSE` when it is none."""
    entries = data["data"]
    if not isinstance(entries, list) or not isinstance(data["has_more"], bool):
        raise TypeError("no page of a listing")
    after = text_of(entries[-1]["id"]) if data["has_more"] and entries else None
    return Page([read(entry) for entry in entries], after)
