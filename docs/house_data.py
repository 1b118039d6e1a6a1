"""What docs/house.py draws: packages, rooms and arrows, read from the imports and from pyproject.toml.

No rule about imports belongs here: import-linter checks them. Nor where a box is put.
"""

import ast
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grimp

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = "flybill_pipeline"
ALONE = "stripe_emulator"
LIBRARIES = {"dagster": "Dagster", "sqlalchemy": "SQL", "duckdb": "SQL", "stripe": "Stripe"}
LONGEST_CAPTION = 62

Arrow = tuple[str, str]
Rows = Sequence[Sequence[str]]
"""Names in rows, as import-linter's layers have them: names in one row do not import each other."""


@dataclass(frozen=True)
class House:
    """The packages on their floors, top to bottom, and the rooms of those that have rooms, lowest first.

    A room is named with its package (`steps.sync`). `arrows` are imports between packages, and between rooms of one
    package, without those that follow from others; `exceptions` are those that pyproject.toml allows against the
    direction. `captions` are the first words of each package; `knows` are the libraries that it imports, as far as they
    matter.
    """

    floors: Rows
    rooms: Mapping[str, Rows]
    arrows: Sequence[Arrow]
    exceptions: Sequence[Arrow]
    captions: Mapping[str, str]
    knows: Mapping[str, Sequence[str]]

    def data(self) -> dict[str, Any]:
        """As JSON has it: two houses with equal data look the same."""
        return {
            "floors": [list(floor) for floor in self.floors],
            "rooms": {package: [list(row) for row in rows] for package, rows in self.rooms.items()},
            "arrows": [list(arrow) for arrow in self.arrows],
            "exceptions": [list(arrow) for arrow in self.exceptions],
            "captions": dict(self.captions),
            "knows": {package: list(known) for package, known in self.knows.items()},
        }


def read_house(project: Path = PROJECT) -> House:
    """The house as it stands in the files of `project`."""
    contracts = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {c["containers"][0]: _rows(c["layers"]) for c in contracts if c["type"] == "layers"}
    floors = layers[PACKAGE]
    packages = [package for floor in floors for package in floor]
    rooms = {name: layers[f"{PACKAGE}.{name}"][::-1] for name in packages if f"{PACKAGE}.{name}" in layers}
    graph = grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)
    imports = [(module, other) for module in graph.modules for other in graph.find_modules_directly_imported_by(module)]
    allowed = [line.split(" -> ") for contract in contracts for line in contract.get("ignore_imports", ())]
    known = {(start.split(".")[1], LIBRARIES[end]) for start, end in imports if end in LIBRARIES and "." in start}
    exceptions = _between(allowed, rooms)
    return House(
        floors=floors,
        rooms=rooms,
        arrows=_arrows(_between(imports, rooms), exceptions),
        exceptions=exceptions,
        captions={package: _caption(project / PACKAGE, package) for package in (*packages, ALONE)},
        knows={package: sorted(library for name, library in known if name == package) for package in packages},
    )


def reduced(arrows: Iterable[Arrow]) -> list[Arrow]:
    """The arrows that do not follow from others: where a → b → c, a → c says nothing new."""
    ends = sorted(set(arrows))
    after: dict[str, set[str]] = {}
    for start, end in ends:
        after.setdefault(start, set()).add(end)

    def beyond(start: str, seen: set[str]) -> set[str]:
        for end in after.get(start, set()) - seen:
            seen.add(end)
            beyond(end, seen)
        return seen

    return [(a, b) for a, b in ends if not any(b in beyond(c, set()) for c in after[a] - {b})]


def _rows(layers: Iterable[str]) -> list[list[str]]:
    return [[name.strip(" ()") for name in layer.split("|")] for layer in layers]


def _between(imports: Iterable[Sequence[str]], rooms: Mapping[str, Rows]) -> list[Arrow]:
    ends = {(_place(start, rooms), _place(end, rooms)) for start, end in imports}
    return sorted((start, end) for start, end in ends if start and end and start != end)


def _arrows(ends: Iterable[Arrow], exceptions: Collection[Arrow]) -> list[Arrow]:
    """What is drawn of `ends`: between packages, each room counted as its package, and within packages."""
    of_package = {arrow: (arrow[0].split(".")[0], arrow[1].split(".")[0]) for arrow in ends}
    between = {(start, end) for start, end in of_package.values() if start != end}
    within = [arrow for arrow, (start, end) in of_package.items() if start == end and arrow not in exceptions]
    return sorted([*reduced(between), *reduced(within)])


def _place(module: str, rooms: Mapping[str, Rows]) -> str | None:
    """The package of a module, or its room; None for the root, for other people's modules and for no room at all."""
    root, *path = module.split(".")
    if root != PACKAGE or not path or path[0] == ALONE:
        return None
    if path[0] not in rooms:
        return path[0]
    in_rooms = [name for row in rooms[path[0]] for name in row]
    return f"{path[0]}.{path[1]}" if len(path) > 1 and path[1] in in_rooms else None


def _caption(folder: Path, package: str) -> str:
    """The first words of a package's docstring, up to where they begin to go into detail."""
    file = folder / package / "__init__.py"
    source = (file if file.exists() else folder / f"{package}.py").read_text()
    first = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")
    words = re.split(r"[:;.](?:\s|$)", first)[0]
    return words if len(words) <= LONGEST_CAPTION else words.split(",")[0]
