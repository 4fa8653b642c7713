"""Warm-up requests, which a model server sends through a new version before it takes over."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from kgp.runtime.artifact import SIGNATURES

BATCH_SIZES = (1, 2, 4, 8, 16)
WARMUP = "assets.extra/tf_serving_warmup_requests"  # where TensorFlow Serving looks
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

    (folder / WARMUP).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / WARMUP)) as writer:
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


def warmup_requests(folder: Path) -> Iterator[tuple[str, dict[str, tensor_pb2.TensorProto]]]:
    """The warm-up requests of a version folder, if there are any: signature and named inputs."""
    from tensorflow_serving.apis import prediction_log_pb2

    if not (folder / WARMUP).is_file():
        return
    for record in tf.data.TFRecordDataset(str(folder / WARMUP)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        yield request.model_spec.signature_name, dict(request.inputs)
