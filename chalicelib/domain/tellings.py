"""What Finance is told of a hold, and what may be known of whether it has heard."""

from enum import Enum, StrEnum, auto


class Telling(StrEnum):
    """What Finance is told of a hold: that there is one, then what of it is free again."""

    RESERVE = auto()
    RELEASE = auto()


class Begun(Enum):
    """What beginning to tell Finance found.

    FIRST: Finance knows nothing of it. AGAIN: somebody began before, and Finance may have heard.
    DONE: it has confirmed it. EARLY: it is not its turn, as Finance has not confirmed the hold that
    is to be released.
    """

    FIRST = auto()
    AGAIN = auto()
    DONE = auto()
    EARLY = auto()
