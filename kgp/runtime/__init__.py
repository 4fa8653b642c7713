"""One interface, images -> (logits, heatmap), over whatever holds the network."""

from pathlib import Path

from kgp.runtime.runtime import Runtime


def load_runtime(place: str | Path) -> Runtime:
    """The runtime for a run folder.

    Args:
        place: path of a run folder.

    Raises:
        KgpError: there is no usable run.
    """
    from kgp.runtime.keras_run import KerasRun

    return KerasRun(Path(place))
