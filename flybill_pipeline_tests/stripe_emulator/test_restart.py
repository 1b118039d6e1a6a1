"""What survives a kill -9: everything that was answered, and the plans for what comes."""

import socket
import time
from pathlib import Path

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def test_state_survives_a_kill(tmp_path: Path) -> None:
    with EmulatorProcess(state_path=tmp_path / "stripe.db", limit_endpoint=50) as emulator:
        shop = Shop(emulator.url)
        invoice = shop.finalized(120, 80)
        created = shop.call("post", "customers", name="x", idempotency_key="k")
        emulator.advance(DAY // 2)
        emulator.faults([{"match": {"endpoint": "create_customer", "nth": 2}, "fault": "reset_after"}])
        shop.post("customers", name="first")
        shop.refused("post", "customers", name="second", idempotency_key="lost")
        events, before = shop.event_types(), emulator.report()
        url = emulator.url

        emulator.kill()
        emulator.start()

        assert emulator.url == url
        assert emulator.report() == before
        assert shop.event_types() == events
        assert shop.get(f"invoices/{invoice['id']}") == invoice
        assert shop.post("customers", name="x", idempotency_key="k") == created.data
        assert shop.call("post", "customers", name="second", idempotency_key="lost").headers["idempotent-replayed"]
        assert shop.post("customers")["created"] - created.data["created"] >= DAY // 2


def test_a_held_commit_dies_with_the_process_but_not_with_a_graceful_stop(tmp_path: Path) -> None:
    with EmulatorProcess(state_path=tmp_path / "stripe.db") as emulator:
        shop = Shop(emulator.url)
        emulator.faults([{"fault": "late_commit", "seconds": 60, "match": {"times": 2}}])
        shop.refused("post", "customers", name="killed", idempotency_key="k1")
        emulator.kill()
        emulator.start()
        shop.refused("post", "customers", name="stopped", idempotency_key="k2")
        emulator.restart()
        assert [customer["name"] for customer in shop.get("customers")["data"]] == ["stopped"]


def test_memory_only_forgets(tmp_path: Path) -> None:
    with EmulatorProcess() as emulator:
        shop = Shop(emulator.url)
        shop.customer()
        emulator.restart()
        assert shop.get("customers")["data"] == []
        assert list(tmp_path.iterdir()) == []


def test_only_loopback_is_served() -> None:
    from flybill_pipeline.stripe_emulator.config import EmulatorConfig
    from flybill_pipeline.stripe_emulator.server import serve

    with pytest.raises(ValueError, match="loopback"):
        serve(EmulatorConfig(), host="0.0.0.0")


def test_a_request_whose_sender_died_half_way_is_not_executed(emulator: EmulatorProcess, shop: Shop) -> None:
    head = (
        "POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_1\r\nIdempotency-Key: k\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nname="
    )
    with socket.create_connection(("127.0.0.1", int(emulator.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(head.encode())
        time.sleep(0.2)  # the server has the head by now, and waits for the rest
    time.sleep(0.2)
    assert emulator.report()["customers"] == 0
    assert shop.post("customers", name="whole", idempotency_key="k")["name"] == "whole"
