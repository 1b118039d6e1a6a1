"""The reconciliation names every way in which Stripe's list can differ from ours."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.reconciliation import (
    MOST_STRAYS,
    ListedInvoice,
    ListedPage,
    OurInvoice,
    Sent,
    places,
)
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.patience import ATTEMPTS
from flybill_pipeline.steps.sync.reconcile_invoices import Reconciliation, reconcile

MONTH = Month(2026, 10)
STARTED = datetime(2026, 11, 3, 8, tzinfo=UTC)
SENT = Sent(STARTED, STARTED + timedelta(hours=30), "cus_1")
REPAIRED = Sent(STARTED, STARTED + timedelta(days=70), "cus_2")


class Ours:
    def __init__(self, *invoices: OurInvoice, sent: Sequence[Sent] = (SENT,)) -> None:
        self._invoices = invoices
        self._sent = sent

    def invoices(self, month: Month) -> Sequence[OurInvoice]:
        return self._invoices

    def sent(self, month: Month) -> Sequence[Sent]:
        return self._sent


class Theirs:
    """A list of pages of two; `failures` are answered first. `elsewhere` is what was made at another time."""

    def __init__(
        self, *invoices: ListedInvoice, failures: Sequence[Failure] = (), elsewhere: Sequence[ListedInvoice] = ()
    ) -> None:
        self._invoices = invoices
        self._elsewhere = {invoice.stripe_invoice_id: invoice for invoice in elsewhere}
        self._failures = list(failures)
        self.windows: list[tuple[datetime, datetime]] = []
        self.asked_for: list[tuple[str, datetime]] = []

    def page(self, since: datetime, until: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        if self._failures:
            return self._failures.pop()
        self.windows.append((since, until))
        ids = [invoice.stripe_invoice_id for invoice in self._invoices]
        start = ids.index(after) + 1 if after else 0
        chunk = self._invoices[start : start + 2]
        more = start + 2 < len(ids)
        return Answer(ListedPage(chunk, chunk[-1].stripe_invoice_id if more else None))

    def page_of(self, customer_id: str, since: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        self.asked_for.append((customer_id, since))
        return Answer(ListedPage([there("late")], None))

    def invoice(self, stripe_invoice_id: str) -> Answer[ListedInvoice | None] | Failure:
        return Answer(self._elsewhere.get(stripe_invoice_id))


def here(name: str, amount: int = 500, currency: str = "usd", known_id: str | None = None) -> OurInvoice:
    return OurInvoice(name, f"org_{name}", f"FB-{name}", currency, amount, known_id=known_id)


def there(
    name: str, amount: int = 500, currency: str = "usd", status: str = "open", copy: int = 1, month: str = "2026-10"
) -> ListedInvoice:
    return ListedInvoice(f"in_{name}_{copy}", name, month, currency, amount, status)


def compared(ours: Ours, theirs: Theirs) -> Reconciliation:
    return reconcile(MONTH, ours=ours, theirs=theirs, sleep=lambda _: None)


def differences(ours: Ours, theirs: Theirs) -> dict[str, str]:
    table = compared(ours, theirs).differences
    return dict(zip(table["stripe_invoice_id"].fillna(table["invoice_id"]), table["difference"], strict=True))


def test_equal_sides_are_proven() -> None:
    result = compared(Ours(here("a"), here("b"), here("c")), Theirs(there("a"), there("b", status="paid"), there("c")))
    assert result.proven
    assert (result.matched, result.pages) == (3, 2)
    assert result.totals == {"usd": {"ours": 1500, "theirs": 1500}}


def test_every_kind_of_difference_has_its_name() -> None:
    ours = Ours(*(here(name) for name in ("gone", "twice", "less", "coin", "draft", "void", "fine")))
    theirs = Theirs(
        there("fine"),
        there("twice"),
        there("twice", copy=2),
        there("less", amount=499),
        there("coin", currency="eur"),
        there("draft", status="draft"),
        there("void", status="void"),
        there("stranger"),
    )
    assert differences(ours, theirs) == {
        "gone": "missing_there",
        "in_twice_1": "duplicate",
        "in_twice_2": "duplicate",
        "in_less_1": "amount",
        "in_coin_1": "currency",
        "in_draft_1": "status",
        "in_void_1": "status",
        "in_stranger_1": "missing_here",
    }


def test_several_differences_of_one_invoice_are_all_named() -> None:
    assert differences(Ours(here("a")), Theirs(there("a", amount=1, currency="eur", status="draft"))) == {
        "in_a_1": "amount, currency, status"
    }


def test_a_voided_copy_beside_the_right_one_is_no_difference() -> None:
    assert compared(Ours(here("a")), Theirs(there("a", status="void"), there("a", copy=2))).proven


def test_other_months_and_strangers_invoices_are_not_looked_at() -> None:
    stranger = ListedInvoice("in_x", None, None, "usd", 9, "open")
    assert compared(Ours(here("a")), Theirs(there("a"), there("b", month="2026-09"), stranger)).proven


def test_amounts_stay_whole_numbers_where_a_side_is_missing() -> None:
    large = 2**53 + 1
    table = compared(Ours(here("a", amount=large)), Theirs(there("b", amount=large))).differences
    assert sorted(table["amount_minor_ours"].dropna().tolist()) == [large]
    assert sorted(table["amount_minor_theirs"].dropna().tolist()) == [large]


def test_the_window_is_an_hour_wider_than_the_sync_on_both_sides() -> None:
    theirs = Theirs(there("a"))
    compared(Ours(here("a")), theirs)
    hour = timedelta(hours=1)
    assert theirs.windows == [(STARTED - hour, STARTED + timedelta(hours=31))]


def test_one_that_was_repaired_months_later_is_asked_for_by_its_customer() -> None:
    """What the account billed in the months between is not read for it."""
    theirs = Theirs(there("a"))
    assert compared(Ours(here("a"), here("late"), sent=[SENT, REPAIRED]), theirs).proven
    hour = timedelta(hours=1)
    assert theirs.windows == [
        (STARTED - hour, STARTED + timedelta(hours=31)),
        (REPAIRED.last - hour, REPAIRED.last + hour),
    ]
    assert theirs.asked_for == [("cus_2", STARTED - hour)]


def test_many_of_them_are_read_with_all_that_lies_between() -> None:
    found = places([SENT, *[REPAIRED] * (MOST_STRAYS + 1)])
    assert (found.windows, found.strays) == ([(STARTED, REPAIRED.last)], [])


def test_days_of_retries_are_one_window() -> None:
    nights = [Sent(STARTED + timedelta(days=n), STARTED + timedelta(days=n, hours=1), None) for n in range(5)]
    slow = Sent(STARTED, STARTED + timedelta(days=4, hours=1), "cus_3")
    found = places([*nights, slow])
    assert (found.windows, found.strays) == ([(slow.first, slow.last)], [])


def test_an_invoice_is_ours_by_the_id_that_we_were_given_whatever_its_metadata_says() -> None:
    wiped = ListedInvoice("in_a", None, None, "usd", 500, "open")
    claimed = ListedInvoice("in_b", "somebody_elses", "2025-01", "usd", 500, "open")
    ours = Ours(here("a", known_id="in_a"), here("b", known_id="in_b"))
    assert compared(ours, Theirs(wiped, claimed)).proven


def test_what_was_made_at_another_time_than_we_think_is_asked_for_by_its_id() -> None:
    ours = Ours(here("a", known_id="in_a"), here("b", known_id="in_b"))
    elsewhere = [ListedInvoice("in_a", None, None, "usd", 500, "void")]
    assert differences(ours, Theirs(elsewhere=elsewhere)) == {"in_a": "status", "b": "missing_there"}


def test_one_invoice_that_stripe_keeps_from_us_hides_no_other() -> None:
    class Keeping(Theirs):
        def invoice(self, stripe_invoice_id: str) -> Answer[ListedInvoice | None] | Failure:
            return failure("org") if stripe_invoice_id == "in_a" else super().invoice(stripe_invoice_id)

    ours = Ours(here("a", known_id="in_a"), here("b", known_id="in_b"), here("c"))
    assert differences(ours, Keeping(there("c"))) == {"a": "unread", "b": "missing_there"}


def failure(kind: str) -> Failure:
    return Failure(kind, "stripe_error", "m", "r")  # type: ignore[arg-type]


def test_a_passing_failure_is_tried_again() -> None:
    assert compared(Ours(here("a")), Theirs(there("a"), failures=[failure("same_key")] * ATTEMPTS)).proven


def test_a_list_that_cannot_be_read_proves_nothing() -> None:
    for cause in ([failure("same_key")] * 99, [failure("everyone")]):
        result = compared(Ours(here("a")), Theirs(there("a"), failures=cause))
        assert result.failure is not None
        assert not result.proven


def test_a_list_is_read_from_its_beginning_where_what_it_was_to_go_on_after_is_deleted() -> None:
    class Moving(Theirs):
        def page(self, since: datetime, until: datetime, after: str | None) -> Answer[ListedPage] | Failure:
            moved = after is not None and len(self.windows) < 2
            return replace(failure("look_first"), code="list_moved") if moved else super().page(since, until, after)

    names = ("a", "b", "c")
    assert compared(Ours(*map(here, names)), Moving(*map(there, names))).proven


def test_a_month_without_invoices_is_proven() -> None:
    assert compared(Ours(), Theirs()).proven
