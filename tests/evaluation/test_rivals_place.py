"""kgp.evaluation.rivals_place: classes by plane or position alone, with answers known by hand."""

import dataclasses

import pytest

from kgp.data.cohort import Cohort, SliceRow
from kgp.evaluation.rivals_place import PLANE, POSITION, KnownPlaces, classes_by_place, known_places


def cohort_of(*rows):
    return Cohort("folder", "slices", ("T1",), (16, 16, 1), "uint8", tuple(rows))


def row(patient="p", index=0, plane="", volume=""):
    return SliceRow(f"{patient}{volume}_{index}", patient, patient, 0, "a", volume=volume, index=index, plane=plane)


def test_planes_are_taken_where_they_differ_and_positions_where_they_do_not():
    known = [row(index=index, plane=plane) for index, plane in ((0, "axial"), (1, "coronal"))]
    judged = [row("q", index=index, plane="axial") for index in (0, 1)]
    found = known_places(cohort_of(*known), known, cohort_of(*judged), judged)
    assert found == KnownPlaces(PLANE, ("axial", "coronal"), ("axial", "axial"))
    one_plane = [dataclasses.replace(one, plane="axial") for one in known]
    found = known_places(cohort_of(*one_plane), one_plane, cohort_of(*judged), judged)
    assert found == KnownPlaces(POSITION, ("0", "9"), ("0", "9"))
    unnamed = [dataclasses.replace(one, plane="") for one in judged]
    assert known_places(cohort_of(*known), known, cohort_of(*unnamed), unnamed).what == POSITION


def test_a_position_is_the_tenth_of_the_volume_as_far_as_the_cohort_has_it():
    volume = [row(volume="v", index=index) for index in range(20, 41)]
    alone = row(volume="w", index=7)
    cohort = cohort_of(*volume, alone)
    found = known_places(cohort, [volume[0], volume[1], volume[2], volume[19], volume[20], alone], cohort, volume)
    assert found.known == ("0", "0", "1", "9", "9", "")
    assert found.judged == tuple(str(min(number // 2, 9)) for number in range(21))


def test_nothing_is_known_of_single_slices():
    known, judged = [row("p"), row("q")], [row("r"), row("s")]
    assert known_places(cohort_of(*known), known, cohort_of(*judged), judged) is None
    volume = [row("t", index=index) for index in range(3)]
    assert known_places(cohort_of(*volume), volume, cohort_of(*judged), judged) is None


@pytest.mark.parametrize(
    ("known", "targets", "called"),
    [
        ("aab", [0, 0, 1], [0, 1, 0]),  # c is nowhere known: the most frequent class
        ("aaaaab", [0, 0, 0, 0, 1, 1], [0, 1, 0]),  # class 0 has all its slices at a, class 1 one half
        ("aaabbb", [0, 0, 0, 0, 0, 1], [0, 1, 0]),  # at b two of three are 0, but two of five against all
        ("abab", [0, 0, 1, 1], [0, 0, 0]),  # the first of equals
        ("ab", [2, 2], [2, 2, 2]),  # classes that nobody has are never called
    ],
)
def test_the_class_at_home_at_a_place_is_called(known, targets, called):
    assert classes_by_place(KnownPlaces(PLANE, tuple(known), tuple("abc")), targets, 3).tolist() == called
