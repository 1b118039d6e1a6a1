"""What an examination finds: plain values. How things are looked at: `probes.py`; what is looked at: `doctor.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is, in a sentence; with what to do, unless it is well."""

    about: str
    state: State
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting and where it comes from. `value` is None where it may hold a secret."""

    name: str
    origin: Literal["environment", "default"]
    value: str | None


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was looked at. With `settings_wrong` nothing but the settings was."""

    versions: Mapping[str, str]
    variables: Sequence[Variable]
    findings: Sequence[Finding]
    settings_wrong: bool

    @property
    def wrong(self) -> bool:
        """Whether something does not work."""
        return any(finding.state == "wrong" for finding in self.findings)


def ok(about: str, sentence: str) -> Finding:
    """It is well."""
    return Finding(about, "ok", sentence)


def warning(about: str, sentence: str, remedy: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(about, "warning", sentence, remedy)


def wrong(about: str, sentence: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(about, "wrong", sentence, remedy)
