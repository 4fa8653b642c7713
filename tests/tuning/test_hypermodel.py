import keras_tuner

from kgp.training.presets import load_preset
from tuning.hypermodel import RunHyperModel
from tuning.space import Choice, Range


def test_networks_have_the_searched_values():
    base = load_preset("best", "unet").override(depth=2)
    hypermodel = RunHyperModel(base, {"dropout": Range(0.0, 0.7), "width": Choice((2, 4))}, (16, 16, 2), 2)
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Fixed("dropout", 0.3)
    hyperparameters.Fixed("width", 4)
    network = hypermodel.build(hyperparameters)
    dropouts = [layer.rate for layer in network.layers if "dropout" in layer.name]
    assert dropouts and set(dropouts) == {0.3}
    assert network.get_layer("enc1_conv1").filters == 4
    assert set(network.output) == {"logits", "heatmap"}
