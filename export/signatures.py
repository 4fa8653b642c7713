"""The signatures of an exported network: functions from raw intensities to named outputs."""

import json
from collections.abc import Callable

import keras
import tensorflow as tf

from export.graph.evidence import contributions, top_points
from export.graph.reading import cut_masks
from kgp.data.normalise import scale_intensities
from kgp.run_folder import Run
from kgp.runtime.description import Description

Signature = Callable[[tf.Tensor], dict[str, tf.Tensor]]
HEATMAP_TYPES = ("float32", "float16")


def network_signatures(
    run: Run, model: keras.Model, description: Description, heatmap: str = "float32"
) -> dict[str, Signature]:
    """The signatures that take `images`, raw intensities float32 [B, H, W, C].

        serving_default  logits [B, K], probabilities [B, K], heatmap [B, H, W, K]
        classify         logits, probabilities
        segment          logits, probabilities, mask uint8 [B, H, W] by the run's default reading
        explain          logits, probabilities, heatmap, contributions [B, H, W, K] and constant
                         [B, K], which add up to the logits, and points [B, K, 12, 3]: row, column
                         and contribution of the strongest positions

    All are float32 but the mask and, where asked for, the heatmap. Where the images are not finite,
    neither are the answers, and the mask is empty.

    Args:
        run: the run, for its head.
        model: its network.
        description: what the network is.
        heatmap: type of the heatmap in the answers, one of HEATMAP_TYPES.
    """
    reading = description.readings[description.default_reading]
    head = run.config.network
    explained = keras.Model(model.input, {**model.output, "features": model.get_layer("features").output})
    classifier = keras.Model(model.input, model.output["logits"])  # without the layers that only the heatmap needs

    def normalised(images: tf.Tensor) -> tf.Tensor:
        return scale_intensities(images, description.normalisation)

    def classified(logits: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = model(normalised(images), training=False)
        return {**classified(outputs["logits"]), "heatmap": tf.cast(outputs["heatmap"], heatmap)}

    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return classified(classifier(normalised(images), training=False))

    def segment(images: tf.Tensor) -> dict[str, tf.Tensor]:
        def predict(views: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            outputs = model(normalised(views), training=False)
            return outputs["logits"], outputs["heatmap"]

        logits, heatmaps = _average_views(predict, images) if reading.views == 8 else predict(images)
        masks = cut_masks(heatmaps, logits, images, reading, description.no_tumour_class)
        return {**classified(logits), "mask": tf.cast(masks, tf.uint8)}

    def explain(images: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = explained(normalised(images), training=False)
        kernel, bias = explained.get_layer("head").weights
        maps, constant = contributions(
            outputs["features"],
            tf.reshape(kernel, [-1, len(description.class_names)]),
            bias,
            head_order=head.head_order,
            pooling=head.pooling,
            pooling_value=head.pooling_value,
        )
        if run.config.scales_logits:
            scale, offset = explained.get_layer("logit_scale").weights
            maps, constant = scale * maps, scale * constant + offset
        return {
            **classified(outputs["logits"]),
            "heatmap": tf.cast(outputs["heatmap"], heatmap),
            "contributions": maps,
            "constant": constant,
            "points": top_points(maps),
        }

    return {"serving_default": serving_default, "classify": classify, "segment": segment, "explain": explain}


def describe_signature(description: Description) -> Signature:
    """The signature `describe`: from `request`, int32 [B], to `description`, JSON, string [B].

    The description is repeated for each number in `request`, because servers that batch requests
    need the first dimension everywhere.
    """
    text = json.dumps(description.to_dict(), default=list)

    def describe(request: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"description": tf.fill(tf.shape(request), text)}

    return describe


def _average_views(predict: Callable, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`kgp.heatmap.views.average_views` in the graph."""
    turns = (0, 1, 2, 3) if images.shape[1] == images.shape[2] else (0, 2)
    logits, heatmaps = [], []
    for turn in turns:
        for mirrored in (False, True):
            view = tf.image.rot90(images, turn)
            view = tf.reverse(view, [2]) if mirrored else view
            view_logits, heatmap = predict(view)
            heatmap = tf.reverse(heatmap, [2]) if mirrored else heatmap
            logits.append(view_logits)
            heatmaps.append(tf.image.rot90(heatmap, -turn % 4))
    return tf.add_n(logits) / len(logits), tf.add_n(heatmaps) / len(heatmaps)
