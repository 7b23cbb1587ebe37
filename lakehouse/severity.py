"""How much a finding matters: low, medium, high or critical, by rules that anybody can read.

critical  A gate failed and the publish was held back: readers see old data.
high      A check could not be run, or a rule held back 1 % or more of the records that it saw.
medium    A rule held back fewer records than that, or a warning is true of 5 % or more of the live rows.
low       Any other warning.
"""

from dataclasses import dataclass
from enum import IntEnum

HELD_BACK_SHARE = 0.01
WARNED_SHARE = 0.05


class Severity(IntEnum):
    """In order: what is larger matters more."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """`low`, `medium`, `high`, `critical`."""
        return self.name.lower()


@dataclass(frozen=True)
class Facts:
    """What is known of a check that is not met.

    `outcome` is warn, fail or error, as in quality results; a rule that held records back has `held_back` above 0
    instead. `share` is the part (0 to 1) of the records that it saw, or of the live rows; null where there is none, as
    of a figure about the whole table.
    """

    outcome: str
    held_back: int = 0
    share: float | None = None


def severity(facts: Facts) -> Severity:
    """The severity by the rules above, the gravest that fits."""
    if facts.held_back:
        return Severity.HIGH if (facts.share or 0.0) >= HELD_BACK_SHARE else Severity.MEDIUM
    if facts.outcome == "fail":
        return Severity.CRITICAL
    if facts.outcome == "error":
        return Severity.HIGH
    return Severity.MEDIUM if (facts.share or 0.0) >= WARNED_SHARE else Severity.LOW
