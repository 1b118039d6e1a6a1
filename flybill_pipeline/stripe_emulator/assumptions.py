"""What the emulator does although nobody knows that Stripe does it. Belongs here: these rows, each with the contract
test that tries it at Stripe's test mode, or why none can. Does not: what has a source (`behaviours`).

`docs/assumed-of-stripe.md` says the same for people; a test compares the two.
"""

from __future__ import annotations

from .sources import ASSUMED, Behaviour

_CANNOT = "cannot be tried: "
_MONEY_BACK = f"{_CANNOT}it needs a payment by card, and a bank that answers days later"


def _assumed(module: str, what: str, tried_by: str) -> Behaviour:
    return Behaviour(module, ASSUMED, what, tried_by)


ASSUMPTIONS = (
    _assumed(
        "scalars",
        "an exponent such as 1E-7 is refused",
        "test_decimals_have_no_exponent_and_at_most_twelve_places",
    ),
    _assumed(
        "scalars",
        "wording and codes of errors of decimals, booleans, enumerations, lengths",
        f"{_CANNOT}wording is not compared",
    ),
    _assumed(
        "idempotency",
        "parameters are compared as sent, before validation, whatever their order",
        "test_an_answer_is_replayed_under_its_key_whatever_the_order_of_parameters",
    ),
    _assumed(
        "limits",
        "a window of one second that slides; refused requests do not count",
        f"{_CANNOT}Stripe asks not to be load-tested",
    ),
    _assumed(
        "limits",
        "how many requests may be under way; off unless LIMIT_CONCURRENT is given",
        f"{_CANNOT}Stripe does not say, and asks not to be load-tested",
    ),
    _assumed(
        "limits",
        "what is locked is the customer",
        f"{_CANNOT}it needs two requests within the same milliseconds",
    ),
    _assumed(
        "faults",
        "http_503 and html_502 come from in front of the endpoints, and nothing is kept",
        f"{_CANNOT}Stripe does not fail on request",
    ),
    _assumed(
        "customers",
        "a deleted customer is missing for new invoices: 400 resource_missing",
        "test_a_deleted_customer_can_be_read_and_not_billed",
    ),
    _assumed(
        "customers",
        "the first invoice of a customer sets its default currency, a draft already",
        "test_a_customer_is_billed_in_several_currencies_with_a_balance_in_each",
    ),
    _assumed(
        "invoices",
        "after finalization payment and collection settings can change",
        "test_after_finalization_metadata_can_change_and_the_description_cannot",
    ),
    _assumed(
        "invoices",
        "a number that another invoice has already is accepted: the library says that who sets it answers for it",
        "test_two_invoices_may_have_the_same_number",
    ),
    _assumed(
        "invoice_lines",
        "more than 100 lines in one add_lines are accepted; one bad line refuses all",
        "test_lines_are_added_all_or_none_more_than_100_at_once",
    ),
    _assumed(
        "invoice_lines",
        "lines are listed in the order of adding, as the library says; recorded answers have the newest first",
        "test_ten_lines_are_embedded_and_all_can_be_listed_in_order",
    ),
    _assumed(
        "amounts",
        "the smallest payment of currencies without an entry is 50",
        f"{_CANNOT}one customer and one conversion for each of 100 currencies",
    ),
    _assumed(
        "taxes",
        "a customer's tax id changes nothing about its tax",
        f"{_CANNOT}a tax id of a real business would be needed",
    ),
    _assumed(
        "taxes",
        "lines that cannot be taxed are refused when they are added, without a code",
        "test_negative_amounts_are_not_taxed",
    ),
    _assumed(
        "credit_note_lines",
        "of a line whose price includes tax, too, the amount to credit is without it",
        "test_a_credit_note_of_a_taxed_line_adds_up",
    ),
    _assumed(
        "finalization",
        "an amount too small to be paid goes to the balance at finalization, not at the first collection",
        "test_what_is_too_small_is_paid_and_owed_next_time",
    ),
    _assumed(
        "finalization",
        "an uncollectible invoice can be paid, and voided",
        "test_states_go_one_way",
    ),
    _assumed(
        "payments",
        "collection one hour after finalization; retries after 3 days, 4 attempts",
        f"{_CANNOT}it takes days, and a test clock does not reach invoices without a subscription",
    ),
    _assumed(
        "payments",
        "a payment outside Stripe records no invoice_payment",
        "test_what_is_paid_outside_stripe_is_no_payment_of_its_own",
    ),
    _assumed(
        "credit_notes",
        "only open and paid invoices; no line gives back more than it amounts to",
        "test_a_line_gives_back_no_more_than_it_amounts_to",
    ),
    _assumed(
        "money_back",
        "a refund succeeds at once; statuses and order of the events of a dispute",
        _MONEY_BACK,
    ),
    _assumed("money_back", "a lost dispute leaves the invoice paid", _MONEY_BACK),
    _assumed(
        "events",
        "which events one action records, and their order",
        "test_events_tell_what_happened",
    ),
)
