"""Draws the packages of flybill and their imports into docs/house.svg: `python docs/house.py`.

Here stands only where a box is put and what it looks like. What there is to draw is read by house_data.py.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape, unescape
from typing import Any

from house_data import ALONE, PROJECT, House, read_house

PICTURE = PROJECT / "docs" / "house.svg"

# Pixels.
WIDTH, LEFT, RIGHT = 1180, 210, 1160
HEAD, FLOOR, BOX, BAND, GAP = 74, 50, 34, 62, 14
MAIN, SIDE = (430, 730), (770, 930)
PLACES = {"local": SIDE, "settings": SIDE}
"""Where a box of the upper floors stands, from left to right, if not in the middle."""
SPANS = {"stripe_gateway": ("sync", "payments"), "notifiers": ("alerts", "alerts")}
"""Below which subjects a package without rooms stands."""
COLOURS = {"Dagster": "#e4dcf7", "SQL": "#d6ece4", "Stripe": "#dbe7fb", "": "#fdf1d3"}
GREY = 'fill="#666"'

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Placed = tuple[str, Box, str]
"""A name, where it stands, and as what: frame (a floor), band (a package with rooms), room."""


def picture(house: House) -> str:
    """The house as SVG; its data stand in the metadata, where `drawn` reads them."""
    tower = [floor for floor in house.floors if not any(package in house.rooms for package in floor)]
    boxes = dict(_tower(tower))
    base = list(_base(house, HEAD + FLOOR * len(tower) + 30))
    bottom = max(box[3] for _, box, _ in base)
    parts = [
        *_heading(),
        *(_captions(house, boxes, floor) for floor in tower),
        *_alone(),
        *(_box(house, name, box, bold=True) for name, box in boxes.items()),
        *(_frame(box) for _, box, kind in base if kind == "frame"),
        *(_band(house, name, box) for name, box, kind in base if kind == "band"),
        *(_box(house, name, box) for name, box, kind in base if kind == "room"),
        *_arrows_down(house, boxes, base),
        *_arrows_across(house, base),
        *_footer(house, bottom + 26),
    ]
    return _svg(parts, bottom + 42, house.data())


def drawn(svg: str) -> dict[str, Any]:
    """The data of the house that a picture shows."""
    data = re.search(r"<metadata>(.*?)</metadata>", svg, re.DOTALL)
    if data is None:
        raise ValueError("the picture has no metadata: it is not drawn by this script")
    shown: dict[str, Any] = json.loads(unescape(data[1]))
    return shown


def _tower(floors: Sequence[Sequence[str]]) -> Iterator[tuple[str, Box]]:
    for number, floor in enumerate(floors):
        top = HEAD + FLOOR * number + (FLOOR - BOX) / 2
        for place, package in enumerate(floor):
            left, right = PLACES.get(package, MAIN)
            share = (right - left + GAP) / len(floor)
            yield package, (left + share * place, top, left + share * (place + 1) - GAP, top + BOX)


def _base(house: House, top: float) -> Iterator[Placed]:
    """The floors with rooms: every room stands in the column of its subject, on every floor."""
    subjects = _subjects(house)
    for floor in house.floors:
        roomed = [package for package in floor if package in house.rooms]
        y = top + 10
        for package in roomed:
            yield package, (20, y, RIGHT, y + BAND), "band"
            yield from _rooms(house, package, subjects, y + 16)
            y += BAND
        for package in [package for package in floor if roomed and package not in roomed]:
            first, last = SPANS.get(package, subjects[:2])
            left, right = _column(subjects.index(first), subjects)[0], _column(subjects.index(last), subjects)[1]
            yield package, (left, y + 8, right, y + 8 + BOX), "room"
        y += 0 if roomed == floor else BOX + 16
        if roomed:
            yield " | ".join(floor), (10, top, RIGHT, y), "frame"
            top = y + 40


def _subjects(house: House) -> list[str]:
    return [name for row in house.rooms["billing"] for name in reversed(row)]


def _rooms(house: House, package: str, subjects: Sequence[str], top: float) -> Iterator[Placed]:
    """Rooms of no subject (the database, files) share the first column, as what all others stand on."""
    names = [name for row in house.rooms[package] for name in row]
    basic = [name for name in names if name not in subjects[1:]]
    for name in names:
        left, right = _column(subjects.index(name) if name in subjects else 0, subjects)
        if name in basic:
            share = (right - left + 6) / len(basic)
            left, right = left + share * basic.index(name), left + share * (basic.index(name) + 1) - 6
        yield f"{package}.{name}", (left, top, right, top + BOX), "room"


def _column(number: int, subjects: Sequence[str]) -> tuple[float, float]:
    width = (RIGHT + 6 - LEFT) / len(subjects)
    return LEFT + width * number, LEFT + width * (number + 1) - 26


def _svg(parts: Iterable[str], height: float, data: Mapping[str, Any]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-size="13"'
        ' font-family="Helvetica, Arial, sans-serif" fill="#222">',
        f"<metadata>{escape(json.dumps(data, indent=1, ensure_ascii=False), quote=False)}</metadata>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        _rectangle((0, 0, WIDTH, height), 'fill="#fff"'),
        *parts,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _heading() -> Iterator[str]:
    yield _text(20, 30, "flybill: each floor uses only the floors below it", 'font-size="20" font-weight="bold"')
    yield _text(
        20,
        53,
        "The same rooms on every floor; a room uses those to its left. Arrows that follow from others are left out.",
        GREY,
    )
    for place, (library, colour) in enumerate(COLOURS.items()):
        x, words = 640 + 132 * place, f"imports {library}" if library else "none of them"
        yield _rectangle((x, 20, x + 16, 32), f'rx="3" fill="{colour}" stroke="#999"')
        yield _text(x + 22, 31, words, GREY)


def _captions(house: House, boxes: Mapping[str, Box], floor: Sequence[str]) -> str:
    middle = (boxes[floor[0]][1] + boxes[floor[0]][3]) / 2 + 5 - 8 * (len(floor) - 1)
    line = f'<path d="M20 {middle - FLOOR / 2 - 5 + 8 * (len(floor) - 1):.0f}H{RIGHT}" stroke="#e6e6e6"/>'
    return line + "".join(
        _text(MAIN[0] - 16, middle + 16 * number, house.captions[package], f'text-anchor="end" {GREY}')
        for number, package in enumerate(floor)
    )


def _alone() -> Iterator[str]:
    left, top = 955, HEAD + 10
    yield _rectangle((left, top, RIGHT, top + 66), 'rx="6" fill="#fff" stroke="#777" stroke-dasharray="5 4"')
    yield _text(left + 12, top + 22, ALONE, 'font-weight="bold"')
    yield _text(left + 12, top + 40, "a stand-in for Stripe over HTTP:", f'{GREY} font-size="12"')
    yield _text(left + 12, top + 56, "no arrow in, no arrow out", f'{GREY} font-size="12"')


def _frame(box: Box) -> str:
    return _rectangle(box, 'rx="10" fill="#fafafa" stroke="#bbb"')


def _band(house: House, name: str, box: Box) -> str:
    words = house.captions[name].split(",")[0]
    title = _text(box[0] + 6, box[1] + 30, name, 'font-weight="bold" font-size="15"')
    return title + _text(box[0] + 6, box[1] + 48, words, f'{GREY} font-size="12"')


def _box(house: House, name: str, box: Box, *, bold: bool = False) -> str:
    package, _, room = name.partition(".")
    colour = next(colour for library, colour in COLOURS.items() if not library or library in house.knows[package])
    style = 'text-anchor="middle"' + (' font-weight="bold"' if bold else "")
    size = ' font-size="11"' if box[2] - box[0] < 60 else ""
    label = _text((box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + 5, room or package, style + size)
    return _rectangle(box, f'rx="5" fill="{colour}" stroke="#888"') + label


def _arrows_down(house: House, boxes: Mapping[str, Box], base: Sequence[Placed]) -> Iterator[str]:
    """Between floors; a floor with rooms is one end, as what holds for its packages holds for all."""
    frames = {name: box for name, box, kind in base if kind == "frame"}
    floor_of = {package: name for name in frames for package in name.split(" | ")}
    places = {**boxes, **frames}
    ends = {(floor_of.get(a, a), floor_of.get(b, b)) for a, b in house.arrows if "." not in a}
    for start, end in sorted(ends):
        yield _down(places[start], places[end], boxes.values())


def _down(start: Box, end: Box, boxes: Iterable[Box]) -> str:
    """From one box to another on a lower floor: straight; or round a corner, whichever way no other box stands in."""
    left, right = max(start[0], end[0]), min(start[2], end[2])
    if right - left > GAP:
        return _arrow(f"M{(left + right) / 2:.0f} {start[3]:.0f}V{end[1]:.0f}")
    x = (end[0] + end[2]) / 2
    if not any(box[0] < x < box[2] and start[1] < box[1] < end[1] for box in boxes):
        return _arrow(f"M{start[2]:.0f} {(start[1] + start[3]) / 2:.0f}H{x:.0f}V{end[1]:.0f}")
    return _arrow(f"M{start[2] - 30:.0f} {start[3]:.0f}V{(end[1] + end[3]) / 2:.0f}H{end[0]:.0f}")


def _arrows_across(house: House, base: Sequence[Placed]) -> Iterator[str]:
    rooms = {name: box for name, box, kind in base if kind == "room"}
    for start, end in house.arrows:
        if "." in start:
            yield _across(rooms[start], rooms[end])
    for start, end in house.exceptions:
        yield _across(rooms[start], rooms[end], ' stroke-dasharray="4 3"')


def _across(start: Box, end: Box, style: str = "") -> str:
    """Within a floor: straight to the neighbour, in a bow over the rooms between."""
    middle, top = (start[1] + start[3]) / 2, start[1]
    if 0 < start[0] - end[2] < 40:
        return _arrow(f"M{start[0]:.0f} {middle:.0f}H{end[2]:.0f}", style)
    x, to = (start[0] + start[2]) / 2, (end[0] + end[2]) / 2 + 8
    return _arrow(f"M{x:.0f} {top:.0f}C{x:.0f} {top - 16:.0f} {to:.0f} {top - 16:.0f} {to:.0f} {top:.0f}", style)


def _footer(house: House, y: float) -> Iterator[str]:
    packages = sum(len(floor) for floor in house.floors)
    rooms = sum(len(row) for rows in house.rooms.values() for row in rows)
    counts = f"{packages} packages, {rooms} rooms."
    dashed = " Dashed: allowed against the direction, in pyproject.toml." if house.exceptions else ""
    yield _text(20, y, f"{counts}{dashed} Drawn from the imports by docs/house.py.", GREY)


def _rectangle(box: Box, style: str) -> str:
    left, top, right, bottom = box
    size = f'width="{right - left:.0f}" height="{bottom - top:.0f}"'
    return f'<rect x="{left:.0f}" y="{top:.0f}" {size} {style}/>'


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(words)}</text>'


def _arrow(path: str, style: str = "") -> str:
    return f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.4" marker-end="url(#tip)"{style}/>'


if __name__ == "__main__":
    PICTURE.write_text(picture(read_house()))
