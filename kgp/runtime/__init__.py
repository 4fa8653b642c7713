"""Runtimes: one interface, images -> (logits, heatmap), whatever holds the network."""

from pathlib import Path

from kgp.errors import KgpError, UsageError
from kgp.runtime.artifact import newest_version
from kgp.runtime.runtime import Explanation, Runtime

__all__ = ["Explanation", "Runtime", "load_runtime"]


def load_runtime(path_or_address: str | Path) -> Runtime:
    """The runtime for a run folder, a SavedModel, a LiteRT file, or a model behind a server.

    Args:
        path_or_address: one of
            a run folder;
            a version folder of a SavedModel, or the folder of its versions, for the newest one;
            a .tflite file;
            an address such as grpc://HOST:8500/MODEL or http://HOST:8501/MODEL, with /VERSION
            behind it for a version that is not the newest.

    Raises:
        KgpError: there is no usable network.
        UsageError: the address has another scheme.
    """
    scheme, separator, _ = str(path_or_address).partition("://")
    if separator:
        if scheme in ("grpc", "grpcs"):
            from kgp.runtime.grpc_endpoint import GrpcEndpoint

            return GrpcEndpoint(str(path_or_address))
        if scheme in ("http", "https"):
            from kgp.runtime.http_endpoint import HttpEndpoint

            return HttpEndpoint(str(path_or_address))
        raise UsageError(f"An address begins with grpc, grpcs, http or https, not {scheme!r}.")
    path = Path(path_or_address)
    if path.suffix == ".tflite":
        from kgp.runtime.litert import LiteRT

        return LiteRT(path)
    exported = path if (path / "saved_model.pb").is_file() else newest_version(path)
    if exported:
        from kgp.runtime.saved_model import SavedModel

        return SavedModel(exported)
    if not path.is_dir():  # before Keras is asked for, which may not be installed
        raise KgpError(f"{path} is not a run folder: there is no such folder.")
    from kgp.runtime.keras_run import KerasRun

    return KerasRun(path)
