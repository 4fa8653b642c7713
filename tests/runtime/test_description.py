import dataclasses
import json

import pytest

from kgp.errors import KgpError
from kgp.heatmap.reading import PAPER, REFINED
from kgp.runtime.description import Description

DESCRIPTION = Description(
    arch="unet",
    class_names=("no_tumour", "tumour"),
    no_tumour_class=0,
    contrasts=("T1", "FLAIR"),
    shape=(16, 16, 2),
    normalisation="head_zscore",
    readings={"paper": PAPER, "refined": REFINED},
    default_reading="refined",
    masks_used=("paper",),
    weights_sha256="0" * 64,
)


def test_it_survives_json():
    text = json.dumps(DESCRIPTION.to_dict())
    assert Description.from_json(text, "here") == DESCRIPTION
    assert "Research use only" in text


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Description)])
def test_a_missing_field_is_named(field):
    values = DESCRIPTION.to_dict()
    del values[field]
    with pytest.raises(KgpError, match=f"in here is not complete: '{field}'"):
        Description.from_dict(values, "here")


@pytest.mark.parametrize("text", ["[]", "{", '{"format": "other"}'])
def test_what_is_no_description_is_refused(text):
    with pytest.raises(KgpError, match="here does not describe a kgp network"):
        Description.from_json(text, "here")
