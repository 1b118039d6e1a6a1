"""A file stays with the source that read it, or nothing is read at all."""

import pytest

from flybill_pipeline.billing.usage.files import LandedFile
from flybill_pipeline.billing.usage.known_sources import LostSourceError, require_known_sources

READ = [("usage", "usage/a.csv"), ("usage", "usage/b.csv")]


def found(*pairs: tuple[str, str]) -> list[LandedFile]:
    return [LandedFile(source, path, path, 1, 1, "m", lambda: None) for source, path in pairs]


def require(files: list[LandedFile], *sources: str, there: bool = True) -> None:
    require_known_sources(files, READ, sources, lambda _: there)


def test_nothing_has_changed() -> None:
    require(found(*READ), "usage")


def test_a_second_source_may_read_the_same_files() -> None:
    require(found(*READ, ("other", "usage/a.csv")), "usage", "other")


def test_new_files_belong_to_anybody() -> None:
    require(found(*READ, ("new", "new/a.csv")), "usage", "new")


def test_a_source_may_go_with_its_files() -> None:
    require([], "new", there=False)


def test_files_may_be_taken_away() -> None:
    require([], "usage", there=False)


def test_a_renamed_source_is_named_with_the_remedy() -> None:
    with pytest.raises(LostSourceError, match=r"no source with the id 'usage'.*usage/a\.csv.*write id = 'usage'"):
        require(found(("metering", "usage/a.csv")), "metering")


def test_a_source_that_vanished_while_its_files_are_there_is_named() -> None:
    with pytest.raises(LostSourceError, match="'usage'"):
        require([], "metering")


def test_a_source_that_was_split_is_named() -> None:
    with pytest.raises(LostSourceError, match=r"usage/b\.csv was read by .* 'usage'.* 'half' finds it"):
        require(found(("usage", "usage/a.csv"), ("half", "usage/b.csv")), "usage", "half")


def test_who_read_a_file_before_may_go_on_alone() -> None:
    read = [*READ, ("other", "usage/a.csv")]
    require_known_sources(found(("other", "usage/a.csv")), read, ["usage", "other"], lambda _: True)
