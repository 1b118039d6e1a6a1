"""docs/house.svg shows the packages and imports as they are. That imports go the right way is test_architecture's."""

import re
from dataclasses import replace
from html import unescape

import pytest
from house import PICTURE, drawn, picture
from house_data import Arrow, House, read_house, reduced
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.integers(0, 6)
DOWNWARD = st.sets(st.tuples(NAMES, NAMES).filter(lambda ends: ends[0] < ends[1]))


@pytest.fixture(scope="module")
def house() -> House:
    return read_house()


def test_the_picture_is_of_today(house: House) -> None:
    assert drawn(PICTURE.read_text()) == house.data(), "imports have changed: run `python docs/house.py`"


def test_every_package_and_every_room_is_in_the_picture(house: House) -> None:
    labels = {unescape(label) for label in re.findall(r"<text[^>]*>([^<]*)</text>", picture(house))}
    packages = {package for floor in house.floors for package in floor}
    rooms = {name for rows in house.rooms.values() for row in rows for name in row}
    assert packages | rooms <= labels
    upper = [floor for floor in house.floors if not set(floor) & set(house.rooms)]
    assert {house.captions[package] for floor in upper for package in floor} <= labels


def test_a_picture_tells_its_data_whatever_they_hold(house: House) -> None:
    odd = replace(house, captions={**house.captions, "cli": 'a < b & "c" </metadata>'})
    assert drawn(picture(odd)) == odd.data()
    with pytest.raises(ValueError, match="not drawn by this script"):
        drawn("<svg/>")


@given(DOWNWARD)
def test_what_is_left_out_follows_from_what_is_drawn_and_nothing_more_can_be(numbers: set[tuple[int, int]]) -> None:
    arrows = [(str(start), str(end)) for start, end in numbers]
    kept = reduced(arrows)
    assert ways(kept) == ways(arrows)
    assert all(ways([other for other in kept if other != arrow]) != ways(arrows) for arrow in kept)


def ways(arrows: list[Arrow]) -> set[Arrow]:
    """Every pair of which the second can be reached from the first."""
    reached = set(arrows)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    return reached
