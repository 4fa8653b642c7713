"""kgp.data.no_tumour: which labels and classes mean "no tumour"."""

import pytest

from kgp.data.no_tumour import (
    label_without_tumour,
    means_no_tumour,
    means_tumour,
    no_tumour_classes,
    no_tumour_labels,
)
from kgp.errors import UsageError


@pytest.mark.parametrize(
    "name",
    """no tumour|no_tumor|notumor|NoTumor|non-tumour|Non_Tumor|no-tumor|NO TUMOR|healthy|HEALTHY|Normal|none|negative|
    Background|control|healthy_control|tumour-free|TumorFree|tumour free slice|no_tumour_slice|lesion free|normal brain|
    Brain Normal|without tumour|no visible tumour|No|HC|Negative for tumour|tumour negative|no_glioma|brain_notumor|
    no abnormality|non cancerous|Not Tumor|disease free|no evidence of disease|0_normal|1: no tumour""".replace(
        "\n", ""
    ).split("|"),
)
def test_names_of_no_tumour(name):
    assert means_no_tumour(name) and not means_tumour(name)


@pytest.mark.parametrize(
    "name",
    """tumour|Tumor|glioma_tumor|meningioma|pituitary|HGG|LGG|glioblastoma|metastasis|malignant|benign|positive|abnormal|
    cancer|lesion|brain tumor|grade2|Grade IV|lgg_grade3|GBM|astrocytoma|non-enhancing tumour|adenoma|1: tumour|with tumour|
    brain_mets|lymphoma|IDH wildtype|low grade|tumour core|medulloblastoma|recurrence""".replace("\n", "").split("|"),
)
def test_names_of_tumours(name):
    assert means_tumour(name) and not means_no_tumour(name)


@pytest.mark.parametrize("name", ["other", "class_a", "0", "hematoma", "non_glioma", "unknown", ""])
def test_names_that_say_nothing(name):
    assert not means_tumour(name) and not means_no_tumour(name)


@pytest.mark.parametrize(
    ("names", "labels", "of_slices"),
    [
        ({0: "no_tumour", 1: "tumour"}, {0}, (0, "no_tumour")),
        ({0: "tumour", 1: "no_tumour"}, {1}, (1, "no_tumour")),
        ({1: "glioma", 2: "Normal"}, {2}, (2, "Normal")),
        ({0: "a", 1: "b"}, {0}, (0, "a")),
        ({0: "a", 1: "healthy"}, {1}, (1, "healthy")),
        ({0: "LGG", 1: "HGG"}, set(), (2, "no_tumour")),
        ({1: "a", 2: "b"}, set(), (0, "no_tumour")),
        ({0: "", 1: "tumour"}, {0}, (0, "no_tumour")),
        ({0: "background", 1: "glioma", 4: "healthy"}, {0, 4}, (0, "background")),
        ({0: "tumour", 3: "tumour2"}, set(), (4, "no_tumour")),
    ],
)
def test_labels(names, labels, of_slices):
    assert no_tumour_labels(names) == labels and label_without_tumour(names) == of_slices


NAMES = {0: "a", 1: "b", 2: "glioma", 3: "healthy"}
OWN = {name: (label,) for label, name in NAMES.items()}


@pytest.mark.parametrize(
    ("option", "classes", "names", "found"),
    [
        ("", OWN, NAMES, (3,)),
        ("b", OWN, NAMES, (1,)),
        ("1", OWN, NAMES, (1,)),
        ("none", OWN, NAMES, ()),
        ("none", {"none": (0,), "x": (1,)}, {0: "none", 1: "x"}, (0,)),
        ("none", {"a": (0,), "x": (1,)}, {0: "none", 1: "x"}, (0,)),
        ("free", {"free": (0, 3), "tumour": (1, 2)}, NAMES, (0,)),
        ("", {"free": (0, 3), "tumour": (1, 2)}, NAMES, ()),
        ("", {"tumour": (1, 2), "no tumour": (0, 3)}, NAMES, (1,)),
        ("", {"no tumour": (0, 2), "rest": (1,)}, NAMES, ()),  # a glioma is among them
        ("", {"tumour": (0,), "other": (1,)}, {0: "0", 1: "1"}, ()),
        ("", {"x": (0,), "y": (1,)}, {0: "0", 1: "1"}, (0,)),
        ("", {"low": (0, 1), "high": (2,)}, {0: "a", 1: "b", 2: "c"}, ()),
        ("", {"normal": (0,), "control": (1,)}, {0: "normal", 1: "control"}, (0, 1)),
        ("normal", {"normal": (0,), "control": (1,)}, {0: "normal", 1: "control"}, (0,)),
    ],
)
def test_classes(option, classes, names, found):
    assert no_tumour_classes(option, classes, names) == found


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "heathy",
            r"--no-tumour names 'heathy', which is no class and no label; the classes are t, u, the labels 0 \(a\)",
        ),
        ("7", "names '7'"),
        ("healthy", r"names the label 3 \(healthy\), which class 'u' merges with others"),
        ("0", r"names the label 0 \(a\), which makes no class"),
    ],
)
def test_options_that_name_no_class(option, message):
    with pytest.raises(UsageError, match=message):
        no_tumour_classes(option, {"t": (1,), "u": (2, 3)}, NAMES)
