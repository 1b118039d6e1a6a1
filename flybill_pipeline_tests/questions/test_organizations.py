"""Whom a question is about: everybody who is named must be known, and every unknown one is named."""

import pytest

from flybill_pipeline.questions.organizations import UnknownOrganizationError, organizations
from flybill_pipeline.toolbox.tools import Toolbox

pytestmark = pytest.mark.usefixtures("world")


def test_those_that_were_imported(tools: Toolbox) -> None:
    assert [org.org_id for org in organizations(tools, ["bolt", "acme"])] == ["acme", "bolt"]
    assert [org.org_id for org in organizations(tools, ["acme", "acme"])] == ["acme"]


def test_nobody_is_asked_for(tools: Toolbox) -> None:
    assert organizations(tools, []) == []


def test_all_unknown_ones_are_named_at_once(tools: Toolbox) -> None:
    with pytest.raises(UnknownOrganizationError, match=r"no such organization: x, y, ''\."):
        organizations(tools, ["x", "acme", "y", ""])


def test_an_unknown_id_of_any_length_leaves_what_to_do_in_sight(tools: Toolbox) -> None:
    with pytest.raises(UnknownOrganizationError) as raised:
        organizations(tools, ["x" * 5000])
    assert str(raised.value) == f"no such organization: {'x' * 499}…. `flybill import-orgs FILE` adds them."
