"""Plans, credits and a release through the command line, the real jobs, Postgres and the stand-in Stripe."""

from pathlib import Path

from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTHS = ("2025-06", "2025-07", "2025-08", "2025-09")
ITEMS = """item_id,kind,org_id,name,amount,currency,start,end,percent,seats
team,subscription,acme,Team,10.00,usd,2025-06-16,,,3
welcome,credit,acme,Welcome credit,20.00,usd,2025-06-01,,,
early,discount,bolt,Early bird,,,2025-06,2025-07,50,
"""


def test_items_are_on_the_bill_and_an_unusual_month_waits_for_its_release(
    tmp_path: Path, deploy: Deployments, emulators: Emulators
) -> None:
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        flybill.prices("usd.toml", USD)
        flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ("acme", "bolt")])
        items = tmp_path / "items.csv"
        items.write_text(ITEMS)
        for new in (3, 0):
            imported = flybill("import-items", str(items), "--json").json()
            assert imported == {"items": 3, "new": new, "changed": 0, "kept": {}, "warnings": []}
        unknown = tmp_path / "unknown.csv"
        unknown.write_text("item_id,kind,org_id,name,percent,meters\nx,discount,acme,X,5,nothing\n")
        assert "meter 'nothing' is in no price book" in flybill("import-items", str(unknown)).err
        for number, month in enumerate(MONTHS[:3]):
            flybill.land(f"{month}.jsonl", [event(number, "bolt", 200, f"{month}-05T00:00:00Z")])
            assert flybill("close", month).status == 0

        first = flybill("owes", "acme", "--month", MONTHS[0], "--json").json()
        assert [(line["kind"], line["amount_minor"]) for line in first["lines"]] == [
            ("subscription", 1500),
            ("credit", -1500),
        ]
        assert first["state"] == "nothing_to_bill"
        second = flybill("owes", "acme", "--month", MONTHS[1], "--json").json()
        assert second["total_minor"] == 3000 - 500
        totals = [flybill("owes", "bolt", "--month", month, "--json").json()["total_minor"] for month in MONTHS[:2]]
        assert totals == [100, 200]

        flybill.land("spike.jsonl", [event("spike", "bolt", 4000, f"{MONTHS[3]}-05T00:00:00Z")])
        held = flybill("close", MONTHS[3], "--json")
        assert (held.status, held.json()["failures"][0]["code"]) == (1, "unusual_total")
        refused = flybill("release", MONTHS[3], "--org", "acme", "--by", "kim", "--reason", "looks right")
        assert (refused.status, "not held" in refused.err) == (2, True), refused
        released = flybill("release", MONTHS[3], "--org", "bolt", "--by", "kim", "--reason", "a launch", "--json")
        assert released.status == 0, released
        assert [(entry["org_id"], entry["by"]) for entry in released.json()["released"]] == [("bolt", "kim")]
        assert flybill("owes", "bolt", "--month", MONTHS[3], "--json").json()["state"] == "payable"
        assert emulator.report()["violations"] == []
        assert set(flybill.checks()["stripe_reconciliation", "totals_match_stripe"].values()) == {True}


def test_a_faulty_file_of_items_is_refused_with_status_2(tmp_path: Path, deploy: Deployments) -> None:
    with deploy(shards=1) as flybill:
        items = tmp_path / "items.csv"
        items.write_text("item_id,kind,org_id,name,percent\na,discount,acme,A,200\nb,discount,acme,B,\n")
        ran = flybill("import-items", str(items))
        assert ran.status == 2
        assert "items.csv: row 2: percent must be from 0 to 100" in ran.err
        assert "items.csv: row 3: a discount needs either percent or amount" in ran.err
