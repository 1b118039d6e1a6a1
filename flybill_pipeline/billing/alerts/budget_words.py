"""What a customer reads of a budget: whole sentences, each in one place. Which one is due: `budgets.py`."""

from collections.abc import Mapping, Sequence

from flybill_pipeline.billing.alerts.budgets import Budget, Warned
from flybill_pipeline.billing.alerts.plain import plain
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month

LONGEST_VALUE = 60
SPENT = "{month} has come to {spent} so far: {percent} % of the budget of {budget}."
SPENT_OF = "{month} has come to {spent} so far for {scope}: {percent} % of its budget of {budget}."
FORECAST = "If {month} goes on like this, it comes to about {forecast}, which is above the budget of {budget}."
FORECAST_OF = "If {month} goes on like this, {scope} comes to about {forecast}, which is above its budget of {budget}."
JUMP = "The usage of {day} has come to {amount}; the days before it came to {usual} on average."
JUMP_OF = "The usage of {day} has come to {amount} for {scope}; the days before it came to {usual} on average."
SUBJECT_REACHED = "{org}: {percent} % of a budget for {month}"
SUBJECT_FORECAST = "{org}: {month} may come to more than its budget"
SUBJECT_JUMP = "{org}: an unusual day in {month}"
NOTHING_STOPS = "Nothing is switched off because of this, and the amounts are before tax."
LOOK = "What it is made of, and where budgets are changed: {link}"
OTHER_CURRENCY = "The budget of {budget} is in another currency than the bill, so it is not compared."


def warning_sentence(warned: Warned) -> str:
    """What has happened."""
    budget, spending = warned.budget, warned.spending
    words = {
        "month": warned.month,
        "scope": scope_words(budget.scope),
        "budget": format_money(budget.amount_minor, budget.currency),
    }
    match warned.kind:
        case "threshold":
            return spent_sentence(budget, warned.month, spending.spent_minor)
        case "forecast":
            forecast = format_money(spending.forecast_minor or 0, budget.currency)
            return (FORECAST_OF if budget.scope else FORECAST).format(**words, forecast=forecast)
        case "jump":
            amount, usual = (format_money(each, budget.currency) for each in (warned.day_minor, warned.usual_minor))
            return (JUMP_OF if budget.scope else JUMP).format(**words, day=warned.mark, amount=amount, usual=usual)


def spent_sentence(budget: Budget, month: Month, spent_minor: int | None) -> str:
    """How much of a budget is spent; None where the month is billed in another currency."""
    amount = format_money(budget.amount_minor, budget.currency)
    if spent_minor is None:
        return OTHER_CURRENCY.format(budget=amount)
    return (SPENT_OF if budget.scope else SPENT).format(
        month=month,
        scope=scope_words(budget.scope),
        spent=format_money(spent_minor, budget.currency),
        percent=budget.percent(spent_minor),
        budget=amount,
    )


def scope_words(scope: Mapping[str, str]) -> str:
    """Such as "app web", whatever the values hold."""
    return " and ".join(f"{plain(name, LONGEST_VALUE)} {plain(value, LONGEST_VALUE)}" for name, value in scope.items())


def warning_mail(org_name: str, warned: Sequence[Warned], link: str | None) -> tuple[str, str]:
    """Subject and body of one message that tells of everything new: of several thresholds only the highest."""
    told = _highest(warned)
    return _subject(org_name, told[0]), "\n\n".join(
        [*map(warning_sentence, told), NOTHING_STOPS, *([LOOK.format(link=link)] if link else [])]
    )


def _highest(warned: Sequence[Warned]) -> list[Warned]:
    highest: dict[tuple[str, str, str], Warned] = {}
    for each in warned:
        key = (each.budget.budget_id, each.kind, each.mark if each.kind == "jump" else "")
        if key not in highest or int(each.mark or 0) > int(highest[key].mark or 0):
            highest[key] = each
    return list(highest.values())


def _subject(org_name: str, first: Warned) -> str:
    template = {"threshold": SUBJECT_REACHED, "forecast": SUBJECT_FORECAST, "jump": SUBJECT_JUMP}[first.kind]
    return template.format(org=org_name, percent=first.mark, month=first.month)
