"""Warm-up requests, which a model server sends through a new version before it takes over."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

BATCH_SIZES = (1, 2, 4, 8, 16)
SIGNATURES = ("serving_default", "classify", "segment", "explain", "describe")
_FILE = "assets.extra/tf_serving_warmup_requests"  # where TensorFlow Serving looks
_INTENSITY = 100.0


def write_warmup(folder: Path, shape: tuple[int, int, int], model_name: str) -> None:
    """Writes a request for every signature and batch size to where TensorFlow Serving looks.

    The values are constant, which protobuf keeps as one number whatever the shape; no patient's
    slice is in the file.

    Args:
        folder: the version folder.
        shape: (H, W, C) of a slice.
        model_name: name of the model at the server.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    (folder / _FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / _FILE)) as writer:
        for signature in SIGNATURES:
            for batch in BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = model_name
                request.model_spec.signature_name = signature
                if signature == "describe":
                    request.inputs["request"].CopyFrom(tf.make_tensor_proto(np.zeros(batch, np.int32)))
                else:
                    tensor = request.inputs["images"]
                    tensor.dtype = tf.float32.as_datatype_enum
                    tensor.tensor_shape.CopyFrom(tf.TensorShape((batch, *shape)).as_proto())
                    tensor.float_val.append(_INTENSITY)
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                writer.write(log.SerializeToString())


def warmup_requests(folder: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The warm-up requests of a version folder, if there are any: signature and named inputs."""
    from tensorflow_serving.apis import prediction_log_pb2

    if not (folder / _FILE).is_file():
        return
    for record in tf.data.TFRecordDataset(str(folder / _FILE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        yield request.model_spec.signature_name, inputs
