"""From a trial account to the real one: what is told, what is made again, and what is never sent twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, select, update

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.accounts import MadeElsewhere, StripeAccount, StripeInUse
from flybill_pipeline.billing.sync.verdicts import Verdict
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.accounts import Accounts
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.keys import key_mark
from flybill_pipeline.toolbox.closing import bring, prove
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.chaos.months import MONTH, plant, plant_invoices
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

NEXT = MONTH.next()


@pytest.fixture
def trial(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as emulator:
        yield emulator


@pytest.fixture
def real(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as emulator:
        yield emulator


@contextmanager
def deployment(engine: Engine, emulator: EmulatorProcess, key: str) -> Iterator[Toolbox]:
    tools = build_toolbox(
        load_settings(
            {
                "FLYBILL_DATABASE_URL": engine.url.render_as_string(hide_password=False),
                "FLYBILL_SHARDS": "16",
                "STRIPE_API_BASE": emulator.url,
                "STRIPE_API_KEY": key,
                "FLYBILL_STRIPE_RATE": "500",
            }
        )
    )
    yield tools
    tools.close()


def close(engine: Engine, emulator: EmulatorProcess, key: str, month: Month = MONTH) -> Verdict:
    """Brings what there is of a month to Stripe and compares it, as `flybill close` does with each shard in turn."""
    with deployment(engine, emulator, key) as tools:
        for shard in range(16):
            bring(tools, ShardMonth(month, shard, tools.now()))
        return prove(tools, month)[1]


def account_of(engine: Engine, emulator: EmulatorProcess, key: str) -> StripeAccount:
    with deployment(engine, emulator, key) as tools:
        known = tools.stripe_accounts.mine()
        assert known is not None
        return known


def customers(engine: Engine) -> dict[str, str | None]:
    query = select(organizations.c.org_id, organizations.c.stripe_customer_id).order_by(organizations.c.org_id)
    with engine.connect() as connection:
        return {row.org_id: row.stripe_customer_id for row in connection.execute(query)}


def test_the_months_of_the_trial_are_told_as_the_trials_and_sent_nowhere(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 3)
    assert close(engine, trial, "sk_test_trial").state == "matches"
    verdict = close(engine, real, "sk_test_real")
    there, here = account_of(engine, trial, "sk_test_trial"), account_of(engine, real, "sk_test_real")
    assert there.account_id != here.account_id
    assert (verdict.state, list(verdict.differs)) == ("other_account", [])
    assert verdict.message == (
        f"The invoices of 2026-10 were made in account {there.account_id} (test mode); this key belongs to "
        f"{here.account_id} (test mode). They are not sent a second time."
    )
    assert real.report()["invoices"] == {}
    assert close(engine, trial, "sk_test_trial").state == "matches"


def test_the_next_month_goes_to_the_real_account_with_customers_made_anew(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 3)
    close(engine, trial, "sk_test_trial")
    before = customers(engine)
    plant_invoices(engine, range(3), month=NEXT)
    verdict = close(engine, real, "sk_test_real", NEXT)
    assert (verdict.state, verdict.matched) == ("matches", 3)
    assert not set(before.values()) & set(customers(engine).values())
    assert (real.report()["customers"], real.report()["invoices"]) == (3, {"open": 3})
    assert close(engine, real, "sk_test_real", NEXT).matched == 3
    assert (real.report()["customers"], trial.report()["invoices"]) == (3, {"open": 3})
    assert real.report()["violations"] == []


def test_a_customer_that_a_person_linked_stays_a_persons_business(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 2)
    close(engine, trial, "sk_test_trial")
    plant_invoices(engine, range(2), month=NEXT)
    with engine.begin() as connection:
        linked = update(organizations).where(organizations.c.org_id == "org00001")
        connection.execute(linked.values(stripe_customer_id="cus_by_hand"))
    close(engine, real, "sk_test_real", NEXT)
    assert customers(engine)["org00001"] == "cus_by_hand"
    with deployment(engine, real, "sk_test_real") as tools:
        [failure] = tools.statements.failures(NEXT)
    assert (failure.org_id, failure.code) == ("org00001", "customer_missing")


def test_an_invoice_that_was_begun_in_the_trial_waits_for_a_person_and_is_then_begun_anew(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 2)
    trial.faults([{"match": {"endpoint": "finalize"}, "fault": "http_503"}])
    with deployment(engine, trial, "sk_test_trial") as tools:
        prove(tools, MONTH)
    with engine.begin() as connection:  # one of them lies there as a draft, without an answer to its last step
        begun = {"state": "lined", "first_sent_at": "2026-11-03", "sent_with": key_mark(f"sk_test_trial {trial.url}")}
        made = [{"invoice_id": "inv_2026-10_00000", "stripe_invoice_id": "in_of_trial", **begun}]
        connection.execute(stripe_sync.insert(), made)
    close(engine, real, "sk_test_real")
    with deployment(engine, real, "sk_test_real") as tools:
        [failure] = tools.statements.failures(MONTH)
        assert (failure.org_id, failure.code) == ("org00000", "other_account")
        assert "flybill repair" in failure.remedy
        assert real.report()["invoices"] == {"open": 1}
        tools.sync_ledger.reopen(MONTH, ["org00000"])
    assert (close(engine, real, "sk_test_real").matched, real.report()["invoices"]) == (2, {"open": 2})


def test_another_key_of_the_same_account_changes_nothing(engine: Engine, trial: EmulatorProcess) -> None:
    plant(engine, 2)
    close(engine, trial, "sk_test_old")
    before = customers(engine)
    plant_invoices(engine, range(2), month=NEXT)
    assert close(engine, trial, "sk_test_new").state == "matches"
    assert close(engine, trial, "sk_test_new", NEXT).state == "matches"
    assert customers(engine) == before
    assert trial.report()["customers"] == 2


def test_the_key_alone_names_no_account_where_a_stand_in_takes_any(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 2)
    close(engine, trial, "sk_test_x")
    assert close(engine, real, "sk_test_x").state == "other_account"


def test_a_trial_whose_key_was_taken_back_is_left_without_anybodys_help(
    engine: Engine, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    plant(engine, 2)
    close(engine, trial, "sk_test_trial")
    plant_invoices(engine, range(2), month=NEXT)
    trial.faults([{"match": {}, "fault": "unauthorized"}])
    close(engine, trial, "sk_test_trial", NEXT)
    trial.clear_faults()
    for _ in range(2):  # the first shard that has an invoice is the probe
        verdict = close(engine, real, "sk_test_real", NEXT)
    assert (verdict.state, verdict.matched, verdict.unsent) == ("matches", 2, 0)
    assert real.report()["customers"] == 2


def test_live_and_test_mode_of_one_account_are_two_worlds(engine: Engine) -> None:
    plant(engine, 1)
    Accounts(engine, "test").keep(StripeAccount("acct_1", livemode=False))
    Accounts(engine, "live").keep(StripeAccount("acct_1", livemode=True))
    with engine.begin() as connection:
        sent = {"invoice_id": "inv_2026-10_00000", "state": "finalized", "first_sent_at": "2026-11-03"}
        connection.execute(stripe_sync.insert().values(**sent, sent_with="test"))
    assert Accounts(engine, "test").made_elsewhere(MONTH) == []
    assert Accounts(engine, "live").made_elsewhere(MONTH) == [MadeElsewhere(StripeAccount("acct_1", livemode=False), 1)]


def test_the_account_is_asked_for_once_for_each_key(engine: Engine, trial: EmulatorProcess) -> None:
    plant(engine, 2)
    for _ in range(3):
        close(engine, trial, "sk_test_a")
    assert trial.report()["requests"]["retrieve_account"] == 1


def test_a_key_that_may_not_ask_for_its_account_syncs_all_the_same(engine: Engine, trial: EmulatorProcess) -> None:
    trial.faults([{"match": {"endpoint": "retrieve_account"}, "fault": "forbidden"}])
    plant(engine, 2)
    assert close(engine, trial, "sk_test_a").state == "matches"


def test_rows_of_before_belong_to_the_first_key(engine: Engine, trial: EmulatorProcess, real: EmulatorProcess) -> None:
    plant(engine, 2)
    close(engine, trial, "sk_test_trial")
    with engine.begin() as connection:
        connection.execute(stripe_sync.update().values(sent_with=None))
    assert close(engine, trial, "sk_test_trial").state == "matches"
    assert close(engine, real, "sk_test_real").state == "other_account"


def test_who_has_set_no_key_reads_of_the_stand_in_and_not_of_permissions() -> None:
    assert StripeInUse(None, False, None, stand_in=True).sentence == "the stand-in of this machine: no key is set"
    assert "needs permission" in StripeInUse(None, True, None).sentence
