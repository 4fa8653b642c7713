"""Training on several devices or hosts, step for step what one device does with the whole batch.

Keras 3.15 does not give this by itself under tf.distribute: gradients are clipped on each device
before they are summed, accumulation fails, a weighted loss is averaged by each device on its own,
and `fit` cannot take the batches of a MultiWorkerMirroredStrategy (keras issue 20585). So the
network and the optimiser live under the strategy, and the model around them brings a training
function of its own to `fit`, which sums gradients before anything is done with them.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgp.config import OptimiserConfig
from kgp.errors import KgpError
from kgp.training.equivariance import training_losses, training_model
from kgp.training.losses import WeightedCrossEntropy
from kgp.training.optimisers import build_optimiser

_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


class SharedCrossEntropy(WeightedCrossEntropy):
    """The weighted cross-entropy whose mean weight is that of the whole batch, not of one device's
    share.
    """

    def mean_weight(self, weights):
        """Args: weights [B] of this device's slices. Returns: their mean over all devices."""
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, ops.mean(weights))


class DistributedModel(keras.Model):
    """A functional model whose `fit` takes a dataset distributed by a strategy.

    It is made outside the strategy's scope; the variables of its layers and its optimiser were made
    inside it.
    """

    def distribute(self, strategy: tf.distribute.Strategy, accumulation: int) -> None:
        """Sets how to train; called before `compile` and outside the scope.

        Args:
            strategy: under which the variables were made.
            accumulation: batches whose gradients are averaged into one update.
        """
        self._strategy = strategy
        self._accumulation = accumulation
        several = len(self.output) > 1  # Keras records the loss of each output then
        self.trackers = [keras.metrics.Mean(name=f"{name}_loss") for name in (self.output if several else ())]
        with strategy.scope():
            self.sums = [
                keras.Variable(ops.zeros(weight.shape), trainable=False, aggregation="only_first_replica", name="sum")
                for weight in (self.trainable_variables if accumulation > 1 else ())
            ]
            self.batches = keras.Variable(0, trainable=False, dtype="int64", aggregation="only_first_replica")

    def make_train_function(self, force: bool = False) -> None:
        """Sets the function that `fit` calls for each batch; a hook that Keras documents."""
        accumulate, update = tf.function(self._accumulate), tf.function(self._update)
        done = int(ops.convert_to_numpy(self.batches))

        def train_batch(iterator: Iterator) -> dict[str, Any]:
            nonlocal done
            done += 1
            step = accumulate if done % self._accumulation else update
            losses = step(next(iterator))
            for metric in self.metrics:
                metric.update_state(losses[metric.name])
            return self.get_metrics_result()

        self.train_function = train_batch

    def _accumulate(self, batch: Any) -> dict[str, tf.Tensor]:
        return self._on_all_devices(batch, self._add_to_sums)

    def _update(self, batch: Any) -> dict[str, tf.Tensor]:
        return self._on_all_devices(batch, self._apply)

    def _on_all_devices(self, batch: Any, use_gradients: Callable[[list], None]) -> dict[str, tf.Tensor]:
        def step(images: tf.Tensor, labels: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            with tf.GradientTape() as tape:
                outputs = self(images, training=True)
                # Keras divides each by the number of devices.
                losses = {f"{name}_loss": self.loss[name](labels[name], outputs[name]) for name in outputs}
                losses["loss"] = sum(losses.values())
                scaled = self.optimizer.scale_loss(losses["loss"])  # in 16 bits small gradients would vanish
            gradients = tape.gradient(scaled, self.trainable_variables)
            use_gradients(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients))
            self.batches.assign_add(1)
            return losses

        shares = self._strategy.run(step, args=batch)
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, share, axis=None) for name, share in shares.items()
        }

    def _add_to_sums(self, gradients: list) -> None:
        for total, gradient in zip(self.sums, gradients, strict=True):
            total.assign_add(gradient)

    def _apply(self, gradients: list) -> None:
        if self.sums:
            gradients = [
                (total + gradient) / self._accumulation for total, gradient in zip(self.sums, gradients, strict=True)
            ]
            for total in self.sums:
                total.assign(ops.zeros_like(total))
        self.optimizer.apply(gradients)


def distributed_model(
    network: keras.Model,
    config: OptimiserConfig,
    class_weights: list[float],
    steps: int,
    strategy: tf.distribute.Strategy,
    pixel_loss: keras.losses.Loss | None = None,
) -> DistributedModel:
    """The compiled model around a network that was built in the scope of a strategy.

    Args:
        network: a GP network.
        config: how it is fitted.
        class_weights: K weights.
        steps: batches in the whole training.
        strategy: of the scope.
        pixel_loss: of the heatmap, where its pixels have labels.

    Raises:
        UsageError: see `kgp.training.equivariance.training_model`.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True  # statistics of the whole batch, not of a device's share
    model: DistributedModel = training_model(
        network, config.equivariance, DistributedModel, with_pixels=pixel_loss is not None
    )
    with strategy.scope():
        optimiser = build_optimiser(config, steps, accumulated=True)
        optimiser._all_reduce_sum_gradients = lambda pairs: pairs  # summed already, before they are clipped
        if keras.config.dtype_policy().name == "mixed_float16":  # as `compile` does, but in the scope
            optimiser = keras.optimizers.LossScaleOptimizer(optimiser)
        optimiser.build(model.trainable_variables)
    model.distribute(strategy, config.accumulation)
    model.compile(optimizer=optimiser, loss=training_losses(model, SharedCrossEntropy(class_weights), pixel_loss))
    return model


def mean_over_devices(figures: dict[str, float], strategy: tf.distribute.Strategy) -> dict[str, float]:
    """The mean of each figure over all devices, so that all workers take the same decisions."""
    values = tf.constant(list(figures.values()), tf.float64)
    means = strategy.reduce(tf.distribute.ReduceOp.MEAN, strategy.run(lambda: tf.identity(values)), axis=None)
    return dict(zip(figures, means.numpy().tolist(), strict=True))


@contextlib.contextmanager
def lost_workers_as_error(folder: Path) -> Iterator[None]:
    """Turns the errors of TensorFlow for a lost worker into one sentence."""
    try:
        yield
    except _LOST as error:
        raise KgpError(
            f"Another worker of this training cannot be reached any more ({type(error).__name__}); start all workers again "
            f"with kgp train --resume {folder} to go on from the last whole epoch."
        ) from None
