"""What was priced is compared with budgets: each mark is told once, whatever is repeated, corrected or cut off."""

import csv
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from flybill_pipeline.billing.alerts.budgets import Budget, Unwatched, Warned
from flybill_pipeline.billing.alerts.letters import Letter
from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.commitments import Commitment
from flybill_pipeline.billing.invoicing.items.all_items import OrgItems
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.going_on import GrownUsage
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.languages.chosen import language
from flybill_pipeline.steps.alerts.mail_customers import Mailed, mail_customers
from flybill_pipeline.steps.alerts.watch_budgets import Letters, LookedAt, Seen, watch_budgets
from flybill_pipeline.stores.alerts import letters as letters_store
from flybill_pipeline.stores.alerts.budget_tables import budget_warnings, customer_mails
from flybill_pipeline.stores.alerts.budgets import Budgets, DraftedBill
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline_tests.stores.billing_world import BillingWorld
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples

MONTH = Month(2025, 10)
NOW = MONTH.start + timedelta(days=10)


@dataclass(frozen=True)
class Acme:
    name: str = "Acme"
    email: str | None = "dev@acme.example"
    language: str | None = None


@dataclass
class Watched:
    """A shard whose drafts are replaced, with budgets out of files."""

    world: BillingWorld
    folder: Path
    reader: Acme = field(default_factory=Acme)

    def __post_init__(self) -> None:
        self.engine: Engine = self.world.engine
        self.budgets, self.items = Budgets(self.engine), Items(self.engine, 3)
        self.letters = letters_store.Letters(self.engine)

    def budget(self, **fields: str) -> None:
        """Imports a budget; what is not said is that of the whole of acme, from the month on."""
        row = {"item_id": "b", "kind": "budget", "org_id": "acme", "name": "All", "amount": "100", "currency": "usd"}
        row |= {"start": str(MONTH)} | fields
        file = self.folder / "items.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(row))
            writer.writeheader()
            writer.writerow(row)
        self.items.save(file, read_items(file))

    def refresh(self, minor: int, month: Month = MONTH) -> list[str]:
        """Prices acme at that amount; the marks that were told because of it."""
        self.world.draft({"acme": minor}, month)
        return self.watch(month)

    def watch(self, month: Month = MONTH, *, written: bool = True) -> list[str]:
        letters = Letters(lambda _: self.reader, lambda org, month: None, language) if written else None
        return [each.mark for each in watch_budgets(self.part(month), self.budgets, self.items, lambda _: {}, letters)]

    def part(self, month: Month = MONTH) -> ShardMonth:
        return ShardMonth(month, 0, NOW)

    def told(self) -> list[str]:
        with self.engine.connect() as connection:
            return sorted(connection.execute(select(budget_warnings.c.mark)).scalars())

    def mails(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(customer_mails.c.subject)).scalars())


@dataclass(frozen=True)
class Priced:
    """One bill of acme with a budget of 50 dollars, of which nothing was told."""

    bill: DraftedBill

    def of(self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()) -> dict[str, list[Budget]]:
        return {"acme": [Budget("b", "acme", "All", 5000, "usd", {})]}

    def bills(self, month: Month, org_ids: Collection[str]) -> dict[str, DraftedBill]:
        return {"acme": self.bill}

    def unwatched(
        self, month: Month, shard: int, org_ids: Collection[str] = (), known: datetime | None = None
    ) -> list[Unwatched]:
        return [Unwatched("acme", NOW, 1)]

    def watched(self, month: Month, seen: Sequence[Unwatched], known: datetime | None = None) -> None: ...

    def told(self, month: Month, org_ids: Collection[str]) -> set[str]:
        return set()

    def tell(self, found: Sequence[Warned], mails: object, now: datetime) -> Sequence[Warned]:
        return found


@pytest.fixture
def watched(engine: Engine, tmp_path: Path) -> Watched:
    return made(engine, tmp_path)


def made(engine: Engine, folder: Path) -> Watched:
    world = BillingWorld(engine)
    world.orgs("acme", "bolt")
    return Watched(world, folder)


@pytest.fixture(scope="module")
def lent(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with databases.lent() as engine:
        yield made(engine, tmp_path_factory.mktemp("items"))


def test_each_mark_is_told_at_the_refresh_that_passes_it_and_never_again(watched: Watched) -> None:
    watched.budget()
    assert watched.refresh(49_99) == []
    assert watched.refresh(50_00) == ["50"]
    assert watched.refresh(50_00) == []
    assert watched.refresh(100_00) == ["80", "100"]
    assert watched.refresh(10_00) == []
    assert watched.refresh(200_00) == []
    assert watched.mails() == ["Acme: 50% of a budget for October 2025", "Acme: 100% of a budget for October 2025"]


def test_another_budget_and_another_month_begin_anew(watched: Watched) -> None:
    watched.budget()
    assert watched.refresh(60_00) == ["50"]
    watched.budget(amount="120")
    assert watched.refresh(60_00) == ["50"]
    watched.budget(amount="120", thresholds="40 50")
    assert watched.refresh(60_00) == ["40"]
    assert watched.refresh(60_00, MONTH.next()) == ["40", "50"]


def test_a_budget_holds_from_its_start_to_its_end_and_none_before(watched: Watched) -> None:
    watched.budget(start="2025-11", end="2026-01")
    assert [watched.refresh(60_00, Month.parse(month)) for month in ("2025-10", "2025-12", "2026-01")] == [
        [],
        ["50"],
        [],
    ]
    watched.budget(start="2026-01", amount="10")
    assert watched.refresh(6_00, Month(2026, 1)) == ["50"]
    watched.budget(start="2026-02", end="2026-02")
    assert watched.refresh(60_00, Month(2026, 2)) == []


def test_what_died_after_pricing_is_told_by_the_next_refresh(watched: Watched) -> None:
    watched.budget()
    watched.world.draft({"acme": 60_00})  # and killed
    assert watched.watch() == ["50"]


def test_of_what_died_before_it_was_committed_nothing_is_told_or_mailed(watched: Watched) -> None:
    watched.budget()
    with watched.engine.begin() as connection:
        connection.execute(text("alter table flybill.customer_mails add constraint full_disk check (false) not valid"))
    with pytest.raises(Exception, match="full_disk"):
        watched.refresh(60_00)
    assert watched.told() == []
    with watched.engine.begin() as connection:
        connection.execute(text("alter table flybill.customer_mails drop constraint full_disk"))
    assert watched.watch() == ["50"]
    assert len(watched.mails()) == 1


def test_of_two_that_look_at_once_one_tells(watched: Watched) -> None:
    watched.budget(thresholds="10 20 30 40 50")
    watched.world.draft({"acme": 60_00})
    with ThreadPoolExecutor(4) as pool:
        told = [each.result() for each in [pool.submit(watched.watch) for _ in range(4)]]
    assert sorted(chain.from_iterable(told)) == ["10", "20", "30", "40", "50"]
    assert watched.told() == ["10", "20", "30", "40", "50"]


@settings(max_examples=examples(20))
@given(st.lists(st.tuples(st.sampled_from(["60", "100", "150"]), st.integers(0, 250_00)), min_size=1, max_size=6))
def test_any_refreshes_and_corrections_tell_each_mark_once(lent: Watched, refreshes: list[tuple[str, int]]) -> None:
    """What is told in the end is what some refresh passed, whatever came between."""
    month = _fresh_month(lent)
    expected = set()
    told: list[str] = []
    for amount, minor in refreshes:
        lent.budget(item_id=str(month), amount=amount, start=str(month), end=str(month.next()))
        expected |= {(amount, percent) for percent in (50, 80, 100) if 100 * minor >= percent * int(amount) * 100}
        told += lent.refresh(minor, month)
    assert len(told) == len(expected)


def _fresh_month(watched: Watched) -> Month:
    """One that no example had yet."""
    with watched.engine.connect() as connection:
        last = connection.execute(text("select max(period) from flybill.billing_items")).scalar_one()
    return Month.parse(last).next() if last else Month(2026, 1)


def test_a_settled_month_is_not_looked_at(watched: Watched) -> None:
    watched.world.draft({"acme": 60_00})
    watched.world.finalize()
    watched.budget()
    assert watched.watch() == []


def test_who_has_no_address_or_whose_platform_writes_itself_gets_no_mail(watched: Watched) -> None:
    watched.budget()
    watched.world.draft({"acme": 60_00})
    assert watched.watch(written=False) == ["50"]
    watched.reader = Acme(email=None)
    assert watched.refresh(90_00) == ["80"]
    assert watched.mails() == []


class Post:
    """Takes mail once it is willing to."""

    def __init__(self, refusal: str | None = "the mail server answered 451 to the sender") -> None:
        self.refusal = refusal
        self.taken: list[tuple[str, str]] = []

    def __call__(self, address: str) -> "Post":
        self.address = address
        return self

    def send(self, message: Letter) -> str | None:
        if self.refusal is None:
            self.taken.append((self.address, message.subject))
        return self.refusal


def mailed(watched: Watched, post: Post, now: datetime) -> Mailed:
    return mail_customers(watched.letters, post, lambda: now)


def test_a_mail_that_waits_for_a_slow_server_is_nobody_elses_and_a_turn_ends(watched: Watched) -> None:
    watched.budget()
    for spent in (50_00, 80_00, 100_00):
        watched.refresh(spent)
    with watched.engine.begin() as connection:
        connection.execute(text("update flybill.organizations set email = 'dev@acme.example' where org_id = 'acme'"))
    now, other = NOW, Post(refusal=None)

    class Slow(Post):
        def send(self, message: Letter) -> str | None:
            nonlocal now
            now += timedelta(minutes=2)
            mailed(watched, other, now)
            return super().send(message)

    slow = Slow(refusal=None)
    began = now.timestamp()
    sent = mail_customers(watched.letters, slow, lambda: now, lambda: now.timestamp() - began)
    assert sent == Mailed(1, 0)
    assert (len(slow.taken), len(other.taken)) == (1, 2)
    assert len({*slow.taken, *other.taken}) == 3


def test_a_mail_goes_to_the_address_of_now_until_it_is_taken_and_then_never_again(watched: Watched) -> None:
    watched.budget()
    watched.refresh(60_00)
    post = Post()
    assert mailed(watched, post, NOW).failed == 1  # no address is on record
    with watched.engine.begin() as connection:
        connection.execute(text("update flybill.organizations set email = 'dev@acme.example' where org_id = 'acme'"))
    assert mailed(watched, post, NOW).failed == 0  # it waits
    assert mailed(watched, post, NOW + timedelta(minutes=2)).failed == 1
    for hour in range(1, 6):
        mailed(watched, post, NOW + timedelta(hours=hour))
    trouble = watched.letters.troubled(NOW, 6)
    assert trouble is not None
    assert (trouble.channel, trouble.waiting, trouble.given_up) == ("mail", 1, 0)
    post.refusal = None
    assert mailed(watched, post, NOW + timedelta(hours=7)).sent == 1
    assert mailed(watched, post, NOW + timedelta(days=1)).sent == 0
    assert post.taken == [("dev@acme.example", "Acme: 50% of a budget for October 2025")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount": "0"}, "amount must be above 0 in a budget"),
        ({"currency": "eur"}, "acme is billed in usd, not in eur"),
        ({"scope": "web"}, "scope 'web' names nothing"),
        ({"scope": '{"app": 3}'}, "a value that is no text"),
        ({"thresholds": "50 0"}, "thresholds '50 0' cannot be read"),
        ({"thresholds": "half"}, "write whole percents from 1 to 1000"),
        ({"start": "soon"}, "'soon' is not a month"),
        ({"end": "2025-09"}, "end 2025-09 is not after start 2025-10"),
        ({"seats": "3"}, "a budget has no seats"),
    ],
)
def test_a_wrong_row_is_refused_with_what_to_write(watched: Watched, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ImportRefusedError) as refused:
        watched.budget(**wrong)
    assert said in str(refused.value)


@pytest.mark.parametrize(("minimum", "credit", "told"), [(0, 70_00, []), (0, 30_00, ["forecast"]), (45_00, 30_00, [])])
def test_a_forecast_is_what_is_left_to_pay_when_credits_and_minimums_have_their_part(
    minimum: int, credit: int, told: list[str]
) -> None:
    usage = line_of_usage(30_00 if not minimum else 10_00)
    items = OrgItems(credits=(Credit("c", "Welcome", credit, "usd", MONTH.start),))
    parts = Parts([usage], commitment=Commitment("acme", minimum), credits=items.credits)
    bill = DraftedBill("usd", NOW, put_together(MONTH, "usd", parts).lines)
    held = SimpleNamespace(of=lambda *_: {"acme": items})
    thrice = [line_of_usage(3 * usage.amount_minor)]
    seen = {"acme": Seen({}, GrownUsage(thrice, thrice, thrice))}
    found = watch_budgets(ShardMonth(MONTH, 0, NOW), Priced(bill), held, lambda _: seen, None)
    assert [each.kind for each in found] == told


def test_the_days_of_a_draft_are_priced_once_for_it_and_for_each_version_of_its_budgets(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    read, bills = list[str](), watched.budgets.bills

    def noted(month: Month, org_ids: Collection[str]) -> dict[str, DraftedBill]:
        read.extend(org_ids)
        return {org_id: replace(bill, usage_up_to=NOW) for org_id, bill in bills(month, org_ids).items()}

    def days(looked_at: Sequence[LookedAt]) -> dict[str, Seen]:
        asked.append(sorted(each.org_id for each in looked_at))
        return {}

    def look() -> list[str]:
        watch_budgets(watched.part(), watched.budgets, watched.items, days, None)
        return asked[-1]

    monkeypatch.setattr(watched.budgets, "bills", noted)
    watched.budget()
    watched.world.draft({"acme": 10_00}, MONTH)
    assert [look(), look()] == [["acme"], []]
    watched.budget(amount="200")
    assert [look(), look()] == [["acme"], []]
    watched.world.draft({"acme": 11_00}, MONTH)
    assert [look(), look()] == [["acme"], []]
    assert read == ["acme"] * 3


def test_a_watch_that_is_cut_off_or_overtaken_looks_at_the_days_again(watched: Watched) -> None:
    watched.budget()
    watched.world.draft({"acme": 10_00}, MONTH)
    (seen,) = watched.budgets.unwatched(MONTH, 0)
    assert watched.budgets.unwatched(MONTH, 0) == [seen]  # it was cut off before it said that it had looked
    watched.budgets.watched(MONTH, [replace(seen, priced_at=seen.priced_at - timedelta(seconds=1))])
    assert watched.budgets.unwatched(MONTH, 0) == [seen]  # it had looked at a draft that is priced anew by now


def line_of_usage(minor: int) -> LineItem:
    amount = Decimal(minor).scaleb(-2)
    return LineItem("usage", "u", "gb", {}, MONTH, Decimal(1), None, amount, minor, "usd", "gb")
