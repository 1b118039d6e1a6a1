"""How `flybill owes` answers: the bill as its developer reads it, seen by an operator. Its sentences are billing's."""

from collections.abc import Iterator, Mapping

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.breakdowns import breakdown_rows, heading
from flybill_pipeline.billing.words.changes import difference_words, name_words, rest_words, shown_first
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.lines import line_words, part_words, places_of
from flybill_pipeline.billing.words.outlook import forecast_words
from flybill_pipeline.billing.words.payments import payments_freshness
from flybill_pipeline.billing.words.sentence import Language, say, shown
from flybill_pipeline.billing.words.working import step_words
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.render.credit_notes import show_what_is_left
from flybill_pipeline.questions.changed import Changed
from flybill_pipeline.questions.owed import Owed

MOST_PORTIONS = 20
"""Of a line, on a terminal."""


def show_owed(owed: Owed, language: Language = ENGLISH) -> None:
    """The sentence, what happens next, then line by line what it is made of."""
    facts, statement, currency = owed.facts, owed.statement, owed.facts.currency
    screen.line(screen.strong(owed.org.org_id), f": {say(language, *statement.message)}")
    screen.line(say(language, statement.next_step))
    if currency and statement.state == "open" and statement.forecast:
        screen.line(say(language, *forecast_words(statement.forecast, currency, facts.standing_minor)))
    for budget in owed.budgets:
        screen.line(say(language, *budget.words))
    for each in owed.left:
        screen.line(say(language, each))
    if owed.freshness:
        screen.line(say(language, *owed.freshness))
    for sentence in _not_counted(owed):
        screen.line(sentence)
    if facts.payment:
        if facts.payment.invoice_pdf:
            screen.line(f"PDF: {facts.payment.invoice_pdf}")
        screen.line(say(language, *payments_freshness(owed.poll)))
    if currency and owed.lines:
        places, rows = places_of(owed.lines), list[tuple[str, str, str]]()
        for number, line in enumerate(owed.lines, start=1):
            (what, amount), *below = _rows(line, places, facts.month, language)
            rows += [(str(number), what, amount), *(("", f"  {words}", "") for words, _ in below)]
        screen.table(("line", "what", "amount"), rows, right=("line", "amount"))
        _show_breakdowns(owed, currency, language)
    _show_since(owed, language)


def _show_since(owed: Owed, language: Language) -> None:
    """What is another amount than the month before, and what was credited."""
    if owed.changed:
        _show_changed(owed.changed, language)
    if owed.credit_notes:
        show_what_is_left(owed.facts.total_minor, owed.credit_notes)


def _show_breakdowns(owed: Owed, currency: str, language: Language) -> None:
    """What it comes to by each app, in one line for each thing that it is told by."""
    for by in owed.breakdowns:
        rows = ((shown(language, name), language.money(minor, currency)) for name, minor in breakdown_rows(by))
        screen.line(f"{say(language, heading(by))}: ", ", ".join(f"{name} {amount}" for name, amount in rows))


def _show_changed(changed: Changed, language: Language) -> None:
    screen.line(say(language, *changed.words))
    for each in shown_first(changed.changes):
        what, how = shown(language, name_words(each)), say(language, difference_words(each, changed.currency))
        screen.line(f"  {what}: {how}")
    if others := rest_words(changed.changes, changed.currency):
        screen.line(f"  {say(language, others)} (--json has each)")


def _not_counted(owed: Owed) -> Iterator[str]:
    """What may be this organization's and does not count yet, for an operator; and that the month is of before."""
    if owed.first is not None and owed.facts.month < owed.first:
        yield f"{owed.facts.month} is before {owed.first}, the first month that was closed here."
    if files := owed.files_unread:
        waiting = f"{files} landed file{'s are' if files > 1 else ' is'} not read yet"
        them = "them" if files > 1 else "it"
        yield f"{waiting}, so what is in {them} is not counted here: `flybill close` reads {them}."
    if days := owed.days_unrecorded:
        usage = f"usage of {screen.counted(days, 'day')} was read and is not added up yet"
        yield f"{usage}, so it is not counted here: within a minute `flybill up` adds it, or `flybill close` does."
    for source, at in sorted(owed.tables_behind.items()):
        since = f"was last looked at on {at:%Y-%m-%d at %H:%M} UTC" if at else "was never looked at"
        yield f"The table of source {source} {since}, so what came since is not counted here: `flybill close` looks."
    if events := owed.events_waiting:
        waiting = (
            f"{events:,} events of {owed.facts.month} name" if events > 1 else f"1 event of {owed.facts.month} names"
        )
        yield f"{waiting} an alias that belongs to nobody, so it is not counted here: `flybill quarantine` says which."


def _rows(line: LineItem, places: Mapping[str, int], month: Month, language: Language) -> Iterator[tuple[str, str]]:
    """The line, and below it by what it is shown: the largest first, what is left together.

    In English it says its price itself, in other languages the steps below it do. A plan's next month, billed ahead,
    has the words of this one's: it says its month, as late lines do by themselves.
    """
    ahead = f" ({line.service_month})" if line.service_month > month else ""
    what = line.description if language is ENGLISH else shown(language, line_words(line))
    yield f"{what}{ahead}", language.money(line.amount_minor, line.currency)
    for step in () if language is ENGLISH else line.working:
        yield say(language, step_words(step, line.currency, places)), ""
    largest = sorted(line.portions, key=lambda each: (-abs(each.amount_minor), each.name))
    for each in largest[:MOST_PORTIONS]:
        name = each.name if language is ENGLISH else shown(language, part_words(each))
        used, amount = (
            language.quantity(each.quantity, line.unit or ""),
            language.money(each.amount_minor, line.currency),
        )
        yield f"{name}: {used}, {amount}", ""
    if rest := largest[MOST_PORTIONS:]:
        left = language.money(sum(each.amount_minor for each in rest), line.currency)
        yield f"{screen.counted(len(rest), 'other')}: {left} (--json has each)", ""
