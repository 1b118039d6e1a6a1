"""What a customer reads of a budget."""

from flybill_pipeline.billing.alerts.budgets import Spending, Warned
from flybill_pipeline.billing.words.budgets import ahead_words, spent_words, warning_mail, warning_words
from flybill_pipeline.billing.words.english import ENGLISH, english
from flybill_pipeline_tests.billing.alerts.test_budgets import BUDGET, MONTH, WEB, days, warned


def read(told: Warned) -> str:
    return english(warning_words(told))


def test_a_customer_reads_whole_sentences() -> None:
    assert read(warned(Spending(81_20, None))[-1]) == (
        "November 2026 has come to $81.20 so far: 81% of the budget of $100.00."
    )
    assert read(warned(Spending(81_20, None), WEB)[-1]) == (
        "November 2026 has come to $81.20 so far for app web: 81% of its budget of $100.00."
    )
    assert english(spent_words(BUDGET, MONTH, -1_24, settled=False)) == (
        "November 2026 has come to -$1.24 so far: 0% of the budget of $100.00."
    )
    settled = [english(spent_words(each, MONTH, 81_20, settled=True)) for each in (BUDGET, WEB)]
    assert settled == [
        "November 2026 came to $81.20: 81% of the budget of $100.00.",
        "November 2026 came to $81.20 for app web: 81% of its budget of $100.00.",
    ]
    assert [english(ahead_words(each, MONTH)) for each in (BUDGET, WEB)] == [
        "The budget for November 2026 is $100.00.",
        "The budget of app web for November 2026 is $100.00.",
    ]
    (forecast,) = warned(Spending(10_00, 130_00))
    assert read(forecast) == (
        "If November 2026 goes on like this, it comes to about $130.00, which is above the budget of $100.00."
    )
    (jump,) = warned(Spending(0, None, days(5_00, 5_00, 6_00, 40_00)), WEB)
    assert read(jump) == (
        "The usage of November 4, 2026 has come to $40.00 for app web; the 3 days before it came to $5.33 on average."
    )


def test_a_mail_names_only_the_highest_of_several_thresholds() -> None:
    found = warned(Spending(120_00, None))
    subject, body = warning_mail(ENGLISH, "Acme", found, "https://cloud.example/acme", "help@cloud.example")
    assert subject == "Acme: 100% of a budget for November 2026"
    assert body == (
        "November 2026 has come to $120.00 so far: 120% of the budget of $100.00.\n\n"
        "Nothing is switched off because of this, and the amounts are before tax.\n\n"
        "What it is made of, and where budgets are changed: https://cloud.example/acme\n\n"
        "Do you have a question? help@cloud.example"
    )
    assert "question" not in warning_mail(ENGLISH, "Acme", found, None).body
