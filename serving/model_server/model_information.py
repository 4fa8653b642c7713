"""Signatures of a served model and states of its versions, as TensorFlow Serving's messages."""

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from serving.model_server.answers import Answerer
from serving.model_server.store import NotServed, ServedModels
from serving.model_server.tensors import Refused

_OK, _UNKNOWN = 0, 2  # of tensorflow.error.Code


def model_metadata(
    answerer: Answerer, name: str, number: int | None, label: str
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The signatures of a served model.

    Args:
        answerer: holds the served models.
        name: the model's name.
        number: the version, or None for the newest or the labelled one.
        label: the version's label, or "".

    Raises:
        Refused: there is no such model, version or label.
    """
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    signatures = get_model_metadata_pb2.SignatureDefMap()
    with answerer.lease(name, number, label) as version:
        for key, definition in version.signatures.items():
            signatures.signature_def[key].CopyFrom(definition)
        fill_model_spec(response.model_spec, name, version.number, "")
    response.metadata["signature_def"].Pack(signatures)
    return response


def model_status(models: ServedModels, name: str, number: int | None) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of a model's versions, or of the version `number` alone.

    Raises:
        Refused: there is no such model or version.
    """
    try:
        states = models.get(name).states
    except NotServed:
        states = {}
    if number is not None:
        states = {version: state for version, state in states.items() if version == number}
    if not states:
        which = "any versions" if number is None else f"version {number}"
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Could not find {which} of model {name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for version, state in states.items():
        line = response.model_version_status.add()
        line.version = version
        line.state = state.state
        line.status.error_code = _UNKNOWN if state.error else _OK
        line.status.error_message = state.error
    return response


def fill_model_spec(spec: model_pb2.ModelSpec, name: str, number: int, signature: str) -> None:
    """Writes into an answer which model, version and signature it is of."""
    spec.name, spec.signature_name = name, signature
    spec.version.value = number
