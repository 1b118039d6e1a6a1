"""A preview says what a file would come to, and stores nothing. A landed file is replaced with its usage."""

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.cli.render.preview import preview_data, show_preview
from flybill_pipeline.questions.previewed import Previewed
from flybill_pipeline.stores.usage.intake.landing import Landing, LandingError
from flybill_pipeline.stores.usage.intake.preview import InLake, Preview
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.stores.usage.usage_world import SOURCES, UsageWorld, edge, jsonl

MAPPING = SOURCES.replace('dimensions = { region = "region" }', 'dimensions = { region = "region" }\nwhere = { x = { not = "no" } }', 1)  # noqa: E501  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine, MAPPING)


def previewed(world: UsageWorld, file: Path) -> Preview:
    lake = InLake(world.lake.root, world.catalog.all_pieces())
    return world.landing.preview(file, "edge", lake)


def test_it_says_everything_and_stores_nothing(world: UsageWorld, tmp_path: Path) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=1), edge(2, gb=2)))
    world.run()
    rows = [edge(1, gb=1), edge(2, gb=5), edge(3, org="beta", gb=0.5, at="2026-10-06T00:00:00Z"), edge(3, gb=9)]
    file = tmp_path / "b.jsonl"
    file.write_text(jsonl(*rows, edge(4) | {"x": "no"}, {"id": "bad", "x": 1}))
    files = set(world.landing.root.rglob("*"))
    found = previewed(world, file)
    assert set(world.landing.root.rglob("*")) == files
    assert (found.known, found.conflicting) == (1, 1)
    look = found.look
    assert (look.rows, look.readable, look.left_out, look.repeats, look.conflicts) == (6, 4, 1, 0, 1)
    assert found.sums == [("acme", "traffic_gb", "6", 2), ("beta", "traffic_gb", "0.5", 1)]
    assert (found.first_at, found.last_at) == ("2026-10-05 10:00:00", "2026-10-06 00:00:00")
    assert [(each.row, each.reason) for each in found.refused] == [(6, "org_missing")]
    assert [event["event_id"] for event in found.events] == ["1", "2", "3", "3"]


@pytest.mark.parametrize(("of_a_conflict", "sums"), [("first", ["5", "1"]), ("last", ["4", "7"])])
def test_the_sums_are_of_what_counts(tmp_path: Path, of_a_conflict: str, sums: list[str]) -> None:
    text = f"""[[sources]]\nname = "c"\nformat = "csv"\nfiles = "c/*"\non_conflict = "{of_a_conflict}"
        columns = {{ event_id = "id", org_id = "org", occurred_at = "at" }}\n""" + "".join(
        f'[[sources.measures]]\nmeter = "{name}"\nquantity = "{name}"\n' for name in "ab"
    )
    (tmp_path / "s.toml").write_text(text)
    landing = Landing(str(tmp_path / "landing"), load_sources(tmp_path / "s.toml"))
    file = tmp_path / "c.csv"
    rows = ["1,acme,2,1,2026-10-05", "2,acme,3,,2026-10-05", "2,acme,3,,2026-10-05", "1,acme,1,7,2026-10-05"]
    file.write_text("\n".join(["id,org,a,b,at", *rows, ""]))
    found = landing.preview(file, "c", InLake(tmp_path))
    assert [(each.quantity, each.events) for each in found.sums] == list(zip(sums, (2, 1), strict=True))
    assert found.look.readable - found.look.repeats - found.look.conflicts == sum(each.events for each in found.sums)


def test_a_row_of_several_events_is_one_row(tmp_path: Path) -> None:
    columns = '{ org_id = "org", occurred_at = "at" }'
    measures = "".join(f'[[sources.measures]]\nmeter = "{name}"\nquantity = "{name}"\n' for name in "ab")
    text = (
        f'[[sources]]\nname = "m"\nformat = "jsonl"\nfiles = "m/*"\nevent_id = "row"\ncolumns = {columns}\n{measures}'
    )
    (tmp_path / "sources.toml").write_text(text)
    landing = Landing(str(tmp_path / "landing"), load_sources(tmp_path / "sources.toml"))
    file = tmp_path / "m.jsonl"
    rows = [{"org": org, "at": "2026-10-05", "a": 1, "b": 2} for org in ("acme", "")]
    file.write_text(jsonl(*rows))
    look = landing.preview(file, "m", InLake(tmp_path)).look
    assert (look.rows, look.bad, look.readable) == (2, 1, 2)
    assert [(row, reason) for row, reason, _, _ in look.refused] == [(2, "org_missing")]


def test_a_row_with_several_columns_too_many_is_named_once(tmp_path: Path) -> None:
    columns = '{ event_id = "id", org_id = "org", meter = { constant = "m" }, quantity = "q", occurred_at = "at" }'
    (tmp_path / "s.toml").write_text(f'[[sources]]\nname = "c"\nformat = "csv"\nfiles = "c/*"\ncolumns = {columns}\n')
    file = tmp_path / "c.csv"
    file.write_bytes(b"id,org,q,at\r\n1,acme,2,2026-10-05\r\n2,acme,2,2026-10-05,x,y,z\r\n")
    look = (
        Landing(str(tmp_path / "landing"), load_sources(tmp_path / "s.toml")).preview(file, "c", InLake(tmp_path)).look
    )
    assert (look.rows, look.bad) == (2, 1)
    assert [(row, text) for row, _, _, text in look.refused] == [(3, "2,acme,2,2026-10-05,x,y,z")]


def test_it_is_shown_as_text_and_as_json(world: UsageWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text(jsonl(edge(1, gb=1.5), {"id": "bad"}))
    answer = Previewed(previewed(world, file), ["acme"], ["acct-1"], ["traffic_gb"], date(2030, 1, 1))
    show_preview(answer)
    said = capsys.readouterr().out
    assert all(
        words in said
        for words in ("Nothing was stored", "1.5", "names no organization", "not imported: acme", "nobody: acct-1")
    )
    data = json.loads(json.dumps(preview_data(answer)))
    assert data["rows"]["refused"] == 1
    assert data["sums"] == [{"org_id": "acme", "meter": "traffic_gb", "quantity": "1.5", "events": 1}]
    assert data["unknown_meters"] == ["traffic_gb"]


def test_a_file_takes_the_place_of_the_landed_one_and_its_usage_too(world: UsageWorld, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    for gb, replace in ((10, False), (3, True)):
        file.write_text(jsonl(edge(1, gb=gb)))
        world.landing.land(file, "edge", replace=replace)
        world.run()
    assert [path.name for path in (world.landing.root / "edge").iterdir()] == ["a.jsonl"]
    assert world.quantities() == {"acme": "3"}


def test_a_mended_mapping_reads_a_file_that_is_landed_again(world: UsageWorld, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(jsonl(edge(1, gb=10) | {"requests": 1000}))
    (tmp_path / "s.toml").write_text(MAPPING.replace('quantity = "gb"', 'quantity = "requests"', 1))
    mended, wrong = world.landing, load_sources(tmp_path / "s.toml")
    world.landing = Landing(str(mended.root), wrong)
    world.lake.sources = {source.key: source for source in wrong.values()}
    world.landing.land(file, "edge")
    world.run()
    assert world.quantities() == {"acme": "1000"}
    world.landing, world.lake.sources = mended, {source.key: source for source in mended.sources.values()}
    world.landing.land(file, "edge", replace=True)
    world.run()
    assert world.quantities() == {"acme": "10"}


def test_a_log_that_has_grown_is_not_landed_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(MAPPING.replace('event_id = "id"', 'event_id = "row"', 1))
    landing = Landing(str(tmp_path / "landing"), load_sources(tmp_path / "s.toml"))
    file = tmp_path / "a.jsonl"
    file.write_text(jsonl(edge(1)))
    landing.land(file, "edge")
    file.write_text(jsonl(edge(1), edge(2)))
    with pytest.raises(LandingError, match=r"would count twice\. Land it with --replace"):
        landing.land(file, "edge")
    assert landing.land(file, "edge", replace=True).path == "edge/a.jsonl"


def test_a_month_that_is_delivered_again_is_landed_beside_itself_where_the_last_counts(tmp_path: Path) -> None:
    whole = MAPPING.replace("dimensions =", 'on_conflict = "last"\nwhole = "month"\ndimensions =', 1)
    (tmp_path / "s.toml").write_text(whole.replace('event_id = "id"', 'event_id = "row"', 1))
    landing = Landing(str(tmp_path / "landing"), load_sources(tmp_path / "s.toml"))
    file = tmp_path / "a.jsonl"
    for rows in ([edge(1)], [edge(1), edge(2)]):
        file.write_text(jsonl(*rows))
        landing.land(file, "edge")
    assert len(list((tmp_path / "landing" / "edge").iterdir())) == 2
