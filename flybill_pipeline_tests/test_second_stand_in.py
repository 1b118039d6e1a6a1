"""The script for another stand-in of Stripe's runs to its end, and tells only what is not as at Stripe."""

from sqlalchemy import Engine
from stripe import StripeClient

from flybill_pipeline_tests.second_stand_in import KEY, compared, requests_one_by_one
from flybill_pipeline_tests.worlds.emulator import Emulators


def test_our_own_stand_in_answers_as_stripe_does_and_what_another_refuses_is_told(
    engine: Engine, emulators: Emulators
) -> None:
    with emulators.lent() as emulator:
        assert [row for row in compared(engine, emulator.url) if row.differs] == []
        emulator.faults([{"match": {"endpoint": "create"}, "fault": "forbidden"}])
        client = StripeClient(KEY, base_addresses={"api": emulator.url})
        told = [row.done for row in requests_one_by_one(client) if row.differs]
    assert told[0] == "POST invoices"
    assert "GET invoices" not in told
