import dataclasses
import shutil

import pytest

from kgp.data.labels import choose_labels
from kgp.data.parts import part_of_run, parts_of
from kgp.data.split import split_cohort
from kgp.errors import KgpError
from kgp.files import read_json, write_json
from kgp.run_folder import read_run


def test_a_run_has_the_parts_of_its_split(tiny_cohort, tiny_run):
    labelled = choose_labels(tiny_cohort)
    parts = parts_of(labelled, split_cohort(labelled))
    assert sorted(row.id for part in parts.values() for row in part.rows) == sorted(row.id for row in labelled.rows)
    for name, part in parts.items():
        assert part.targets == tuple(row.label for row in part.rows)
        assert part_of_run(read_run(tiny_run), name) == (tiny_cohort, part.rows, part.targets)


def test_split_of_other_data(tiny_cohort):
    labelled = choose_labels(tiny_cohort)
    split = split_cohort(labelled)
    with pytest.raises(KgpError, match="slice 'elsewhere'"):
        parts_of(labelled, dataclasses.replace(split, parts={**split.parts, "test": ("elsewhere",)}))


def test_parts_that_are_not_there(tiny_run, tmp_path):
    run_copy = tmp_path / "run"
    shutil.copytree(tiny_run, run_copy)
    manifest = read_json(run_copy / "manifest.json")
    write_json(run_copy / "manifest.json", manifest | {"data": ""})
    with pytest.raises(KgpError, match="was not trained here, so it has no test part"):
        part_of_run(read_run(run_copy), "test")
    write_json(run_copy / "manifest.json", manifest | {"data": str(tmp_path / "gone")})
    with pytest.raises(KgpError, match="are gone .* --data /path/to/gone --part test"):
        part_of_run(read_run(run_copy), "test")
    write_json(run_copy / "manifest.json", manifest)
    table = (run_copy / "split.csv").read_text().replace("p00_0", "other")
    (run_copy / "split.csv").write_text(table)
    part = next(row.split(",")[2] for row in table.splitlines() if row.startswith("other"))
    with pytest.raises(KgpError, match=f"lacks slice 'other' .* slices of the {part} part 1 are missing"):
        part_of_run(read_run(run_copy), part)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",{group},{part}", ",other,{part}", "gives slice '{id}' the person '{group}' where .*split.csv has 'other'"),
        (
            ",tumour\n",
            ",glioma\n",
            "gives slice '.*_1' the class 'tumour' where .*split.csv has 'glioma'; of the 4 .* 2",
        ),
    ],
)
def test_persons_and_classes_are_those_of_the_split(tiny_run, tmp_path, old, new, message):
    run_copy = shutil.copytree(tiny_run, tmp_path / "run")
    identifier, group = next(
        row.split(",")[:2] for row in (run_copy / "split.csv").read_text().splitlines() if ",test," in row
    )
    values = {"id": identifier, "group": group, "part": "test"}
    table = (run_copy / "split.csv").read_text()
    assert old.format(**values) in table
    (run_copy / "split.csv").write_text(table.replace(old.format(**values), new.format(**values)))
    with pytest.raises(KgpError, match=message.format(**values)):
        part_of_run(read_run(run_copy), "test")
