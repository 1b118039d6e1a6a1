"""What `flybill owes` says below the words of the statement, to an operator."""

from types import SimpleNamespace
from typing import cast

import pytest

from flybill_pipeline.cli.render.owed import _not_counted
from flybill_pipeline.questions.owed import Owed


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (1, "1 landed file is not read yet, so what is in it is not counted here: `flybill close` reads it."),
        (2, "2 landed files are not read yet, so what is in them is not counted here: `flybill close` reads them."),
    ],
)
def test_files_that_wait_are_told_one_or_many(files: int, says: str) -> None:
    assert [*_not_counted(cast(Owed, SimpleNamespace(files_unread=files, events_waiting=0)))] == [says]
