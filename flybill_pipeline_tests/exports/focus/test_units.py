"""Units of price books stand in the files of FOCUS as its attribute UnitFormat wants them."""

import pytest

from flybill_pipeline.exports.focus.units import focus_unit


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("second", "Seconds"),
        ("s", "Seconds"),
        ("GB-month", "GB-Months"),
        ("GB-hrs", "GB-Hours"),
        ("vCPU-hour", "vCPU-Hours"),
        ("gb", "GB"),
        ("gigabytes", "GB"),
        ("Gb", "Gb"),  # bits
        ("GiB", "GiB"),
        ("address", "Addresses"),
        ("emails", "Emails"),
        ("1000 API request", "1000 API Requests"),
        ("build minute", "Build Minutes"),
        ("requests per second", "Requests/Second"),
        ("GB/hour", "GB/Hour"),
        ("api_call", "api_call"),
        ("api-call", "api-call"),
        ("0.5 email", "0.5 email"),
        ("запрос", "запрос"),
        ("", ""),
    ],
)
def test_a_unit_is_as_focus_writes_it_and_another_as_it_was_given(given: str, said: str) -> None:
    assert focus_unit(given) == said
    assert focus_unit(said) == said
