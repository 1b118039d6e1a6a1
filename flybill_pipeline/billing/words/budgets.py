"""What a customer reads of a budget, on a statement and in a mail. Which mark is passed: `alerts/budgets.py`."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from flybill_pipeline.billing.alerts.budgets import Budget, Kind, Warned
from flybill_pipeline.billing.alerts.plain import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Language, Money, Sentence, Value, said, say

LONGEST_VALUE = 60
_FORECAST = said("If {month} goes on like this, it comes to about {forecast}, which is above the budget of {budget}.")
_FORECAST_OF = said(
    "If {month} goes on like this, {scope} comes to about {forecast}, which is above its budget of {budget}."
)
_JUMP = said("The usage of {day} has come to {amount}; the {days} days before it came to {usual} on average.")
_JUMP_OF = said(
    "The usage of {day} has come to {amount} for {scope}; the {days} days before it came to {usual} on average."
)
_SPENT = said("{month} has come to {spent} so far: {percent}% of the budget of {budget}.")
_SPENT_OF = said("{month} has come to {spent} so far for {scope}: {percent}% of its budget of {budget}.")
_CAME_TO = said("{month} came to {spent}: {percent}% of the budget of {budget}.")
_CAME_TO_OF = said("{month} came to {spent} for {scope}: {percent}% of its budget of {budget}.")
_AHEAD = said("The budget for {month} is {budget}.")
_AHEAD_OF = said("The budget of {scope} for {month} is {budget}.")
_OTHER_CURRENCY = said("The budget of {budget} is in another currency than the bill, so it is not compared.")
SUBJECTS: Mapping[Kind, Sentence] = {
    "threshold": said("{org}: {percent}% of a budget for {month}"),
    "forecast": said("{org}: {month} may come to more than its budget"),
    "jump": said("{org}: an unusual day in {month}"),
}
_NOTHING_STOPS = said("Nothing is switched off because of this, and the amounts are before tax.")
_QUESTION = said("Do you have a question?")
_LOOK = said("What it is made of, and where budgets are changed: {link}")


class Mail(NamedTuple):
    """A mail as it is sent."""

    subject: str
    body: str


def warning_words(warned: Warned) -> Sentence:
    """What has happened."""
    budget, spending, currency = warned.budget, warned.spending, warned.budget.currency
    match warned.kind:
        case "threshold":
            return spent_words(budget, warned.month, spending.spent_minor)
        case "forecast":
            return above_words(budget, warned.month, spending.forecast_minor or 0)
        case "jump":
            sentence = (_JUMP_OF if budget.scope else _JUMP).of(**_values(budget, warned.month))
            amount, usual = Money(warned.day_minor, currency), Money(warned.usual_minor, currency)
            day = date.fromisoformat(warned.mark)
            return sentence.of(day=day, amount=amount, usual=usual, days=warned.usual_days)


def spent_words(budget: Budget, month: Month, spent_minor: int | None, *, settled: bool = False) -> Sentence:
    """How much of a budget is spent; None where the month is billed in another currency.

    Of a month that is `settled` nothing more is to come.
    """
    values = _values(budget, month)
    if spent_minor is None:
        return _OTHER_CURRENCY.of(**values)
    whole, part = (_CAME_TO, _CAME_TO_OF) if settled else (_SPENT, _SPENT_OF)
    sentence = (part if budget.scope else whole).of(**values)
    return sentence.of(spent=Money(spent_minor, budget.currency), percent=max(budget.percent(spent_minor), 0))


def above_words(budget: Budget, month: Month, forecast_minor: int) -> Sentence:
    """That the month may come to more than the budget."""
    sentence = _FORECAST_OF if budget.scope else _FORECAST
    return sentence.of(**_values(budget, month), forecast=Money(forecast_minor, budget.currency))


def ahead_words(budget: Budget, month: Month) -> Sentence:
    """The budget of a month that has not begun."""
    return (_AHEAD_OF if budget.scope else _AHEAD).of(**_values(budget, month))


def _values(budget: Budget, month: Month) -> dict[str, Value]:
    return {"month": month, "scope": scope_words(budget.scope), "budget": Money(budget.amount_minor, budget.currency)}


def scope_words(scope: Mapping[str, str]) -> str:
    """Such as "app web", whatever the values hold; in the words of the price book in every language."""
    return ", ".join(f"{plain(name, LONGEST_VALUE)} {plain(value, LONGEST_VALUE)}" for name, value in scope.items())


def warning_mail(
    language: Language, org_name: str, warned: Sequence[Warned], link: str | None, contact: str | None = None
) -> Mail:
    """One message that tells of everything new: of several thresholds only the highest.

    `link` leads to where the organization reads what it owes, and `contact` is where it can ask; None: nowhere.
    """
    highest = _highest(warned)
    body = [*map(warning_words, highest), _NOTHING_STOPS, *([_LOOK.of(link=link)] if link else [])]
    first = highest[0]
    subject = SUBJECTS[first.kind].of(org=org_name, percent=first.mark, month=first.month)
    told = [say(language, each) for each in body] + ([f"{say(language, _QUESTION)} {contact}"] if contact else [])
    return Mail(say(language, subject), "\n\n".join(told))


def _highest(warned: Sequence[Warned]) -> list[Warned]:
    highest: dict[tuple[str, str, str], Warned] = {}
    for each in warned:
        key = (each.budget.budget_id, each.kind, each.mark if each.kind == "jump" else "")
        if key not in highest or int(each.mark or 0) > int(highest[key].mark or 0):
            highest[key] = each
    return list(highest.values())
