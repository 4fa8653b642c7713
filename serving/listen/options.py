"""What the listener does around receiving."""

import dataclasses

from serving.listen.sender import Destination


@dataclasses.dataclass(frozen=True)
class ServiceOptions:
    """What the service does around receiving.

    Attributes:
        quiet_seconds: a study is complete when for so long none of its objects arrived and no
            sender of it was connected.
        forward: where results are sent, or None.
        discard_received: whether to remove what was received once the study has a result; a study
            of which images may be missing is kept.
        max_waiting: how many studies may wait for their results; objects of further ones are
            answered with "out of resources".
        first_pause, max_pause: seconds until a study is tried again that the machine was in the way
            of, such as its full disk; pauses double.
    """

    quiet_seconds: float = 10.0
    forward: Destination | None = None
    discard_received: bool = False
    max_waiting: int = 5000
    first_pause: float = 1.0
    max_pause: float = 600.0
