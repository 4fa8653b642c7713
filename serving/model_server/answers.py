"""From a request to its answer, for both protocols: checks, batching, refusals."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.batcher import Batcher, QueueFull
from serving.model_server.store import NotServed, ServedModels, StillLoading, UnknownLabel
from serving.model_server.tensors import Refused, Tensors
from serving.model_server.version import ModelVersion

DEFAULT_SIGNATURE = "serving_default"
_UNPACKERS = 2  # threads that unpack and pack; more would only keep each other from Python
_SMALL = 1 << 20  # bytes that are unpacked or packed in less than a millisecond
_Result = TypeVar("_Result")


class Answerer:
    """Answers predictions of the served models, on an event loop.

    Args:
        models: the served models.
        batcher: runs the batches.
        max_bytes: largest tensor that is unpacked.
    """

    def __init__(self, models: ServedModels, batcher: Batcher, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._models = models
        self._batcher = batcher
        self._unpackers = ThreadPoolExecutor(_UNPACKERS, thread_name_prefix="unpack")

    @contextlib.contextmanager
    def lease(self, name: str, number: int | None = None, label: str = "") -> Iterator[ModelVersion]:
        """The version that a request names; it stays in memory while the `with` block runs.

        Args:
            name: the model's name.
            number: the version, or None for the newest or the labelled one.
            label: the version's label, or "".

        Raises:
            Refused: there is no such model, version or label, or the model is being loaded.
        """
        if not name:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        try:
            with self._models.get(name, number, label).lease(number, label) as version:
                yield version
        except NotServed as error:
            raise Refused(grpc.StatusCode.NOT_FOUND, str(error)) from None
        except UnknownLabel as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
        except StillLoading as error:
            raise Refused(grpc.StatusCode.UNAVAILABLE, str(error)) from None

    async def aside(self, size: int, work: Callable[..., _Result], *arguments: object) -> _Result:
        """Runs work on so many bytes, in one of a few threads so that the event loop goes on answering.

        What is small is done at once, as the way to a thread and back takes longer.
        """
        if size < _SMALL:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._unpackers, work, *arguments)

    async def run(
        self, version: ModelVersion, signature: str, inputs: Tensors, outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """The named outputs of a signature. Who cancels it ends the work that has not begun.

        Args:
            version: the version, held by `lease`.
            signature: name of one of its signatures.
            inputs: the named inputs, unpacked and checked.
            outputs: names of the outputs to return; all where it is empty.

        Raises:
            Refused: too many requests wait, the network fails, or its answer is not finite.
        """
        try:
            answered = await asyncio.wrap_future(self._batcher.submit(version, signature, inputs))
        except QueueFull as error:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)) from None
        except tf.errors.OpError as error:
            raise Refused(grpc.StatusCode.INTERNAL, str(error.message)) from None
        chosen = {key: answered[key] for key in outputs or sorted(answered)}
        for name, value in chosen.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise Refused(
                    grpc.StatusCode.INTERNAL, f"the network answered with values of {name} that are not finite"
                )
        return chosen

    def close(self) -> None:
        """Ends the threads; work that has not begun is dropped."""
        self._unpackers.shutdown(wait=False, cancel_futures=True)


def signature_of(version: ModelVersion, signature: str) -> meta_graph_pb2.SignatureDef:
    """The description of a signature of a version.

    Raises:
        Refused: it has no such signature.
    """
    if signature not in version.signatures:
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
    return version.signatures[signature]
