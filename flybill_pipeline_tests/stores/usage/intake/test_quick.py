"""What is read quickly is what reading in full makes of it, to the last digit; what is odd is left to that."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from flybill_pipeline.billing.usage.files import Taken
from flybill_pipeline.stores.usage.intake import take, writing
from flybill_pipeline.stores.usage.intake.line_model import model_of
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader, plain_source

IDS = ["1", "e-2", "", " ", " 3", "x" * 501, "ä" * 500, "1.5", "1e+30", "nu\\u0000l", "a\\tb", 'say "hi"']
QUANTITIES = ["0", "1", "-1", "7.50", "0.10", "100", "1e3", "1E-2", "1_000", "0.1234567890123456789", "1e15", "NaN"]
QUANTITIES += ["999999999999999.5", "-0.0", "00.5", ".5"]
TIMES = ["2026-10-05T10:00:00Z", "2026-10-05", "2026-10-05T10:00:00.1234567Z", "2026-10-05T10:00:00+02:00", "now"]
TIMES += ["1790000000", "1790000000.123456", "1790000000123", "2026-13-05T10:00:00Z", "2019-01-01", "2031-01-01"]
TIMES += ["2026-10-05T10:00:00.000+02:00Z"]
TIMES += ["2026-10-05 10:00:00", "2026-10-05 10:00:00.5", "2026-10-05 10:00:00.500", "2026-10-05 10:00:00.1234567"]
TIMES += ["2026-10-1T 10:00:00", "2026-10-05 10:00:1Z", "0044-03-15 (BC) 10:00:00", "2026-10-05 24:00:00", "infinity"]
RAW_NUMBERS = ["1", "7.50", "0.1000000000000000055", "1e2", "12345678901234567890.5", "1.0", "100", "-0.0", "null"]
RAW_NUMBERS += ["true", "[1]", '{"a":""b"}', "1E5", "1e-7", "-2", "12345678901234567.5", "0.00000000000000001"]


def odd(random: Random, usual: str, values: list[str]) -> str:
    """The usual value, and now and then another one."""
    return random.choice(values) if random.random() < 0.15 else usual


def values(random: Random, nth: int) -> dict[str, str]:
    return {
        "id": odd(random, f"e{nth}", IDS),
        "org": odd(random, "acme", ["", " ", " acme", "ä", "o" * 501]),
        "meter": odd(random, "m", ["", "\\t", "cpu"]),
        "q": odd(random, "2.50", QUANTITIES),
        "ts": odd(random, "2026-10-05T10:00:00Z", TIMES),
        "region": odd(random, "eu", ["", 'e"u', "x" * 4001]),
    }


def json_line(random: Random, nth: int) -> str:
    """Mostly as the others: now and then with a number, another order, a key twice, blanks, or no JSON at all."""
    given = values(random, nth)
    parts = [f'"{key}":{json.dumps(value, ensure_ascii=False)}' for key, value in given.items()]
    if random.random() < 0.8:
        parts[3] = f'"q":{odd(random, "2.50", RAW_NUMBERS)}'
    match random.randrange(30):
        case 0:
            parts[4] = f'"ts":{random.choice(["1790000000", "1790000000.123456", "1790000000.1234561111"])}'
        case 1:
            parts[0] = f'"id":{random.choice(RAW_NUMBERS)}'
        case 2:
            random.shuffle(parts)
        case 3:
            parts.append('"q":3')
        case 4:
            parts[random.randrange(6)] = '"more":{"q":2.50}'
        case 5:
            return "no record"
        case 6:
            return "{" + ", ".join(parts) + "}"
        case 7:
            parts[5] = f'"region":{random.choice(RAW_NUMBERS)}'
    return "{" + ",".join(parts) + "}"


def csv_line(random: Random, nth: int) -> str:
    return ",".join('"' + text.replace('"', '""') + '"' for text in values(random, nth).values())


def found(read: Read) -> tuple[Any, ...]:
    """All that was made of a file, but for the names of files."""
    assert isinstance(read.outcome, Taken)
    events = [{key: value for key, value in event.items() if key != "arrival"} for event in read.events]
    rejects = [(row["row"], row["reason"], row["message"], row["raw"]) for row in read.rejects]
    taken = read.outcome
    return events, rejects, taken.rows, taken.quarantined, taken.left_out, taken.records, taken.told


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("seed", range(2))
def test_quick_or_in_full_is_the_same(kind: str, seed: int, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so it is whether rows are kept before they are written, however many days there are."""
    random = Random(seed)
    usual = "acme,m,2.50,2026-10-05T10:00:00Z,eu"
    keys = ["id", "org", "meter", "q", "ts", "region"]
    if kind == "jsonl":
        first = json.dumps(dict(zip(keys, ["e", *usual.split(",")], strict=True)), separators=(",", ":"))
        lines = [first.replace('"2.50"', "2.50"), *(json_line(random, nth) for nth in range(400))]
    else:
        lines = [",".join(keys), f"e,{usual}", *(csv_line(random, nth) for nth in range(400))]
    source = plain_source(kind, allow_negative=bool(seed))
    small = found(reader.text("\n".join(lines) + "\n", source))
    monkeypatch.setattr(take, "MANY", 0)
    monkeypatch.setattr(take, "TRIED", 0)
    quick = found(reader.text("\n".join(lines) + "\n", source))
    assert len(quick[0]) > 100
    assert len(quick[1]) > 50
    monkeypatch.setattr(writing, "KEPT_ROWS", range(1000))
    kept = found(reader.text("\n".join(lines) + "\n", source))
    monkeypatch.setattr(writing, "FEW", 0)
    assert quick == kept == found(reader.text("\n".join(lines) + "\n", source))
    monkeypatch.setattr(take, "quick_query", lambda *_: None)
    assert quick == small == found(reader.text("\n".join(lines) + "\n", source))


def test_the_first_line_may_have_numbers_for_texts(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in JSON without quotes, so what stands in their place may be anything."""
    line = '{"id":"%s","org":"acme","meter":"m","q":1,"ts":"2026-10-05","region":%s}\n'
    regions = ["5", '["a"]', '{"k":"a"}', '"a"', "null", r'["\u0000"]', "true", "1.50"]
    text = "".join(line % each for each in enumerate(regions))
    quick = found(reader.text(text, plain_source("jsonl")))
    assert len(quick[0]) > 5
    monkeypatch.setattr(take, "quick_query", lambda *_: None)
    assert quick == found(reader.text(text, plain_source("jsonl")))


def test_lines_as_the_first_are_never_judged_in_full(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(take, "judging_query")
    line = '{"id": "%s", "more": {"q": %s}, "org": "acme", "meter": "m", "q": %s, "ts": "2026-10-05", "region": %s}'
    rows = [("1", "1", "7.50", '"eu"'), ("2", "null", "7.25", '"us"'), ("3", "[1,2]", "1000000000.100000", '""')]
    read = reader.text("".join(line % row + "\n" for row in rows), plain_source("jsonl"))
    assert [event["quantity"] for event in read.events] == [Decimal("7.5"), Decimal("7.25"), Decimal("1000000000.1")]


@pytest.mark.parametrize(
    "line",
    ["", "no", "[]", "{}", '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', r'{"a":"\u0041"}', '{"b":1}', '{"a":{"b":1}}'],
)
def test_what_cannot_be_a_model(line: str) -> None:
    assert model_of(line, [("a",)]) is None


def test_a_file_that_is_not_read_quickly_is_not_tried_as_a_whole(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time has a fraction of a second since 1970, as logs have it: every row would be read twice."""
    monkeypatch.setattr(take, "TRIED", 1)
    monkeypatch.setattr(take, "LOOK_CLOSER", "nothing is looked at twice")
    rows = [f'{{"id":"{n}","org":"o","meter":"m","q":1,"ts":179000000{n}.5,"region":"eu"}}\n' for n in range(3)]
    assert [event["event_id"] for event in reader.text("".join(rows), plain_source("jsonl")).events] == ["0", "1", "2"]
