"""How `flybill quote` answers: what a line would say, the working, step by step, then the amount; and its JSON."""

from dataclasses import asdict
from typing import Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.pricing.quote import Quote
from flybill_pipeline.cli.render import screen


def show_quote(quote: Quote) -> None:
    """What a line would say, how the amount came about, and the amount as a person reads it."""
    screen.line(quote.description)
    names = list(dict.fromkeys(name for step in quote.working for name in step))
    titles = [name.replace("_", " ") for name in names]
    rows = [[step.get(name, "") for name in names] for step in quote.working]
    screen.table(titles, rows, right=[title for title in titles if title != "step"])
    screen.line(screen.strong(f"{format_money(quote.amount_minor, quote.currency)} (exactly {quote.amount})"))


def quote_data(quote: Quote) -> dict[str, Any]:
    """The JSON of `flybill quote`."""
    return asdict(quote)
