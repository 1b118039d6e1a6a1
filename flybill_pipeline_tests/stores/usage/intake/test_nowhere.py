"""What of a mapping no row of a file has is told by preview and land: it may be misspelt."""

import json
from pathlib import Path

import pytest

from flybill_pipeline.cli.render.preview import preview_data, show_preview
from flybill_pipeline.questions.previewed import Previewed
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.preview import InLake
from flybill_pipeline.stores.usage.intake.sources import load_sources

MAPPING = """[[sources]]
name = "t"
format = "FORMAT"
files = "t/*"
where = { kind = { not = "test" } }
where_sql = "state <> 'failed'"
dimensions = { region = "where.region" }
columns = { event_id = ["id", "part"], org_id = "org", occurred_at = "at" }
[[sources.measures]]
meter = "tokens_in"
quantity = "in"
[[sources.measures]]
meter = "tokens_out"
quantity = { sql = "nullif(regexp_extract(text, 'out=([0-9]+)', 1), '')" }
"""
ROW = {"id": "1", "org": "acme", "at": "2026-10-05", "in": "5", "part": "a", "kind": "live", "state": "done"}
WHOLE = ROW | {"where.region": "fra", "text": "out=7"}
FORMS = {
    "csv": lambda row: f"{','.join(row)}\n{','.join(row.values())}\n",
    "jsonl": lambda row: (
        json.dumps(
            {key: value for key, value in row.items() if value and key != "where.region"}
            | {"where": {"region": row["where.region"]} if row["where.region"] else {}}
        )
        + "\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("absent", "told"),
    [
        ({}, []),
        ({"text": "out of 7"}, ["meter 'tokens_out' (sql)"]),
        ({"in": ""}, ["meter 'tokens_in' (column 'in')"]),
        ({"in": "", "text": ""}, []),  # the row is refused, and says why
        ({"where.region": ""}, ["dimension 'region' (column 'where.region')"]),
        ({"kind": ""}, ["column 'kind' of where"]),
        ({"kind": "test"}, []),
        ({"part": ""}, ["column 'part' of event_id"]),
        ({"state": ""}, ["column 'state' of where_sql"]),
        ({"in": "x"}, []),  # it was there, and is no number
    ],
)
def test_what_no_row_has_is_told(
    tmp_path: Path, form: str, absent: dict[str, str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.toml").write_text(MAPPING.replace("FORMAT", form))
    landing, file = Landing(str(tmp_path / "landing"), load_sources(tmp_path / "s.toml")), tmp_path / f"a.{form}"
    file.write_text(FORMS[form](WHOLE | absent))
    found = landing.preview(file, "t", InLake(tmp_path))
    answer = Previewed(found, [], [], [])
    assert preview_data(answer)["without_value"] == told
    show_preview(answer)
    shown = " ".join(capsys.readouterr().out.split())
    assert ("in no row" in shown) == bool(told)
    if found.look.readable:
        sentence = landing.land(file, "t").sentence
        assert sentence.endswith(f"No row has a value for {', '.join(told)}.") == bool(told)
