"""One interface, images -> (logits, heatmap), over whatever holds the network."""

from pathlib import Path

from kgp.errors import KgpError
from kgp.runtime.artifact import newest_version
from kgp.runtime.runtime import Runtime

__all__ = ["Runtime", "load_runtime"]


def load_runtime(place: str | Path) -> Runtime:
    """The runtime for a run folder, an exported SavedModel, or a LiteRT file.

    Args:
        place: a run folder; a version folder of an exported SavedModel, or the folder of its versions, of which the
            newest is taken; or a .tflite file.

    Raises:
        KgpError: there is no usable network.
    """
    path = Path(place)
    if path.suffix == ".tflite":
        from kgp.runtime.litert import LiteRT

        if not path.is_file():
            raise KgpError(f"{path} is missing.")
        return LiteRT(path)
    exported = path if (path / "saved_model.pb").is_file() else newest_version(path)
    if exported:
        from kgp.runtime.saved_model import SavedModel

        return SavedModel(exported)
    from kgp.runtime.keras_run import KerasRun

    return KerasRun(path)
