import json

import numpy as np
import pytest

from export import torch_weights
from export.torch_weights import assign_weights, infer_network, read_torch_weights
from kgp.errors import KgpError
from kgp.networks import build_network

ARCHITECTURES = {"unet": 3, "shuffleunet": 2, "reconresnet": 2}


def network(arch, width=2, classes=3):
    return build_network(arch, (16, 16, 4), classes, width=width, depth=ARCHITECTURES[arch])


def torch_state(arch, seed=0):
    """Random weights in torch's layout, with names and shapes of the published networks."""
    rng = np.random.default_rng(seed)
    model = network(arch)
    plan = {
        "unet": torch_weights._unet,
        "shuffleunet": torch_weights._shuffleunet,
        "reconresnet": torch_weights._reconresnet,
    }[arch](ARCHITECTURES[arch])
    state = {}
    for layer_name, kind, key in plan:
        for suffix, weight in zip(torch_weights._SUFFIXES[kind], model.get_layer(layer_name).weights, strict=True):
            shape = tuple(weight.shape)
            shape = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape
            state[f"{key}.{suffix}"] = rng.uniform(0.1, 1.0, shape).astype(np.float32)
    return state


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_network_is_inferred_from_the_shapes(arch):
    inferred = infer_network(arch, torch_state(arch))
    assert inferred == {"width": 2, "input_channels": 4, "classes": 3, "depth": ARCHITECTURES[arch]}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_weight_is_assigned(arch):
    model, state = network(arch), torch_state(arch)
    assign_weights(model, arch, state)
    total = sum(float(value.sum()) for value in state.values())
    assert sum(float(np.sum(weight)) for weight in model.get_weights()) == pytest.approx(total, rel=1e-5)


def test_kernels_are_transposed_and_not_flipped():
    model, state = network("unet"), torch_state("unet")
    assign_weights(model, "unet", state)
    kernel = model.get_layer("enc1_conv1").get_weights()[0]
    assert kernel[0, 2, 3, 1] == state["down_path.0.block.0.weight"][1, 3, 0, 2]


def test_pixel_shuffle_channels_are_reordered_by_hand():
    # Two channels of four parities: torch has c * 4 + parity, we have parity * 2 + c.
    values = np.arange(8.0)[:, None, None, None]
    kernel = torch_weights._before_shuffle([values, np.arange(8.0)])
    np.testing.assert_array_equal(kernel[1], [0, 4, 1, 5, 2, 6, 3, 7])
    after = torch_weights._after_unshuffle([values.reshape(1, 8, 1, 1), np.zeros(1)])
    np.testing.assert_array_equal(after[0].ravel(), [0, 4, 1, 5, 2, 6, 3, 7])


def test_unet_equals_torch_functions():
    """One level by torch's own operations: two convolutions, the head on features and maximum."""
    torch = pytest.importorskip("torch")
    state = {key: value for key, value in torch_state("unet").items() if key.startswith(("down_path.0", "last"))}
    model = build_network("unet", (7, 9, 4), 3, width=2, depth=1)
    assign_weights(model, "unet", state)
    image = np.random.default_rng(1).random((2, 7, 9, 4)).astype(np.float32)
    tensors = {key: torch.tensor(value) for key, value in state.items()}
    features = torch.tensor(image.transpose(0, 3, 1, 2))
    for index in (0, 2):
        weight, bias = (tensors[f"down_path.0.block.{index}.{name}"] for name in ("weight", "bias"))
        features = torch.relu(torch.nn.functional.conv2d(features, weight, bias, padding=1))
    heatmap = torch.nn.functional.conv2d(features, tensors["last.weight"], tensors["last.bias"])
    peak = features.amax((2, 3), keepdim=True)
    logits = torch.nn.functional.conv2d(peak, tensors["last.weight"], tensors["last.bias"])
    outputs = model(image)
    np.testing.assert_allclose(outputs["heatmap"], heatmap.numpy().transpose(0, 2, 3, 1), rtol=1e-5)
    np.testing.assert_allclose(outputs["logits"], logits.numpy()[:, :, 0, 0], rtol=1e-5)


def test_all_problems_are_listed_by_name():
    state = torch_state("unet")
    del state["up_path.0.up.bias"]
    state["surplus.weight"] = np.zeros(1)
    state["down_path.1.block.0.weight"] = np.zeros((4, 2, 5, 5), np.float32)
    with pytest.raises(KgpError, match="up_path.0.up.bias is missing") as caught:
        assign_weights(network("unet"), "unet", state)
    assert "surplus.weight is unknown" in str(caught.value)
    assert "down_path.1.block.0.weight has shape (4, 2, 5, 5)" in str(caught.value)


def test_weights_of_another_architecture():
    with pytest.raises(KgpError, match="These are not the weights of reconresnet"):
        infer_network("reconresnet", torch_state("unet"))


def test_a_kernel_that_is_none():
    with pytest.raises(KgpError, match="no kernel last.weight is among their names"):
        infer_network("unet", {**torch_state("unet"), "last.weight": np.float32(1.0).reshape(())})


def test_dead_residual_blocks_are_reported_and_kept(caplog):
    state = torch_state("reconresnet")
    state["resblocks.1.conv_block.1.weight"] *= 1e-7
    assign_weights(network("reconresnet"), "reconresnet", state)
    assert "1 of 2 residual blocks have weights near zero" in caplog.text


def test_safetensors_with_prefix_loss_and_counters(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    state = torch_state("unet")
    stored = {f"net.{key}": value for key, value in state.items()}
    stored |= {"loss.weight": np.ones(3, np.float32), "net.norm.num_batches_tracked": np.array(7)}
    numpy.save_file(stored, tmp_path / "model.safetensors")
    read = read_torch_weights(tmp_path / "model.safetensors")
    assert read.keys() == state.keys()
    np.testing.assert_array_equal(read["last.weight"], state["last.weight"])


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_torch_layouts(tmp_path, wrap):
    torch = pytest.importorskip("torch")
    state = torch_state("unet")
    stored = {f"net.{key}": torch.tensor(value) for key, value in state.items()} | {"loss.weight": torch.ones(3)}
    torch.save(wrap(stored), tmp_path / "pytorch_model.bin")
    assert read_torch_weights(tmp_path / "pytorch_model.bin").keys() == state.keys()


def test_file_that_runs_code_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"state_dict": {"net.last.weight": pytest.approx}}, tmp_path / "evil.bin")
    with pytest.raises(KgpError, match="evil.bin cannot be read as torch weights"):
        read_torch_weights(tmp_path / "evil.bin")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(KgpError, match="none.bin is missing"):
        read_torch_weights(tmp_path / "none.bin")
    (tmp_path / "short.safetensors").write_bytes(b"\x10\x00")
    pytest.importorskip("safetensors")
    with pytest.raises(KgpError, match="short.safetensors cannot be read as safetensors"):
        read_torch_weights(tmp_path / "short.safetensors")


def test_weights_in_bfloat16(tmp_path):
    pytest.importorskip("safetensors")
    header = json.dumps({"last.weight": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    numbers = np.array([0x3F80, 0xC020], "<u2").tobytes()  # the upper halves of 1.0 and -2.5
    (tmp_path / "half.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    np.testing.assert_array_equal(read_torch_weights(tmp_path / "half.safetensors")["last.weight"], [1.0, -2.5])


def test_file_without_weights(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"loss.weight": np.ones(3, np.float32)}, tmp_path / "empty.safetensors")
    with pytest.raises(KgpError, match="holds no weights"):
        read_torch_weights(tmp_path / "empty.safetensors")
