import pytest

from kgp.errors import KgpError, UsageError
from kgp.evaluation.other_data import persons_of_training, read_other_data
from kgp.run_folder import read_run

CLASSES, CONTRASTS = ("tumour", "no_tumour"), ("FLAIR", "T1")


def test_labels_and_channels_are_matched_by_name(tiny_cohort):
    other = read_other_data(tiny_cohort.folder, CLASSES, CONTRASTS, 16)
    assert other.rows == tiny_cohort.rows and other.channels == [1, 0]
    assert [CLASSES[target] for target in other.targets] == [row.label_name for row in other.rows]


def test_a_prepared_folder_keeps_its_size_and_labels_it_lacks_are_left_out(tiny_cohort):
    trained = ("tumour=metastasis,tumour", "no_tumour=0")
    other = read_other_data(tiny_cohort.folder, CLASSES, CONTRASTS, 240, trained_labels=trained)
    assert other.cohort.shape == (16, 16, 2) and len(other.rows) == 20


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": ["grade II=1"]}, UsageError, "--labels names 'grade II', which is no class of the run"),
        ({"channel_map": ["T9=T1"]}, UsageError, r"--map takes CONTRAST=NAME with a contrast of the run \(FLAIR, T1\)"),
        ({"channel_map": ["T1=T2"]}, KgpError, "has no channel 'T2' for the run's contrast T1; its channels are"),
    ],
)
def test_what_does_not_match(tiny_cohort, options, error, message):
    with pytest.raises(error, match=message):
        read_other_data(tiny_cohort.folder, CLASSES, CONTRASTS, 16, **options)


def test_no_label_of_the_network(tiny_cohort):
    with pytest.raises(KgpError, match=r"No label of .* is called as a class of the run \(a, b\)"):
        read_other_data(tiny_cohort.folder, ("a", "b"), CONTRASTS, 16)


def test_persons_of_the_training_part(tiny_run, tiny_cohort):
    run = read_run(tiny_run)
    assert "6 person(s) of the training part" in persons_of_training(run, tiny_cohort.rows)["caution"]
    assert persons_of_training(run, ()) == {"seen in training": "no person of it"}


@pytest.fixture
def relabelled(write_cohort, tmp_path):
    """Makes the tiny cohort with other numbers and names of its labels without and with tumour."""

    def make(*labels):
        folder = write_cohort(tmp_path / "other", patients=4).folder
        text = (folder / "cohort.csv").read_text()
        for old, new in zip(("0,no_tumour", "1,tumour"), labels, strict=True):
            text = text.replace(f",{old},", f",@{new},")
        (folder / "cohort.csv").write_text(text.replace("@", ""))
        return folder

    return make


@pytest.mark.parametrize(
    ("labels", "trained", "called"),
    [
        (("1,no_tumour", "0,tumour"), ("tumour=*", "no_tumour=0"), {"1": "no_tumour", "0": "tumour"}),
        (("2,Normal", "0,glioma"), ("tumour=*", "no_tumour=0"), {"2": "no_tumour", "0": "tumour"}),
        (("5,healthy", "1,glioma"), ("tumour=glioma", "no_tumour=control"), {"5": "no_tumour", "1": "tumour"}),
        (("5,healthy", "1,tumour"), ("tumour=1", "no_tumour=0"), {"5": "no_tumour", "1": "tumour"}),
        (("5,healthy", "1,tumour"), (), {"5": "no_tumour", "1": "tumour"}),
        (("5,b", "0,tumour"), ("tumour=*", "no_tumour=0"), {"5": "tumour", "0": "tumour"}),  # nothing there means it
        (("5,no_tumour", "0,tumour"), ("tumour=0", "no_tumour=5"), {"5": "no_tumour", "0": "tumour"}),
    ],
)
def test_no_tumour_is_told_anew_in_other_data(relabelled, labels, trained, called):
    folder = relabelled(*labels)
    other = read_other_data(folder, CLASSES, CONTRASTS, 16, no_tumour_class=1, trained_labels=trained)
    assert {str(row.label): CLASSES[target] for row, target in zip(other.rows, other.targets, strict=True)} == called
