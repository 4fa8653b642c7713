"""kgp.scans.volume: reading NIfTI, cutting axial slices, and the way back to the source's grid."""

import itertools

import nibabel
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, inv_ornt_aff

from kgp.errors import KgpError
from kgp.scans.volume import Volume, axial_slices, read_volume, to_volume, to_voxels, write_nifti

SHAPE = (4, 5, 6)  # right, anterior, superior
RAS_AFFINE = np.array([[1.0, 0, 0, -11], [0, 2, 0, -17], [0, 0, 3, 23], [0, 0, 0, 1]])
RAS = np.random.default_rng(0).permutation(np.prod(SHAPE)).reshape(SHAPE).astype(np.float32)
ORIENTATIONS = [
    np.stack([order, signs], axis=1)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def rotation(degrees, axis=(1.0, 2.0, 3.0)):
    """A turn about an oblique axis, as an affine (Rodrigues)."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return affine


def oriented(orientation, turn=0.0):
    """The one picture, stored with its voxel axes in another order and direction."""
    data = apply_orientation(RAS, orientation)
    return Volume(data[..., None], rotation(turn) @ RAS_AFFINE @ inv_ornt_aff(orientation, SHAPE), ("T1",))


def save(path, data, affine=RAS_AFFINE, **codes):
    image = nibabel.Nifti1Image(data, affine)
    for name, code in codes.items():
        getattr(image, f"set_{name}")(affine, code)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_every_orientation_gives_the_same_slices_and_goes_back(orientation):
    for turn in (0.0, 20.0):
        volume = oriented(orientation, turn)
        stack, spacing = axial_slices(volume)
        # Slices upwards, rows from front to back, columns from the patient's right to left.
        np.testing.assert_array_equal(stack[..., 0], RAS.transpose(2, 1, 0)[:, ::-1, ::-1])
        np.testing.assert_allclose(spacing, (2.0, 1.0))
        np.testing.assert_array_equal(to_volume(stack, volume.grid), volume.data)
        np.testing.assert_array_equal(to_volume(stack[..., 0], volume.grid), volume.data[..., 0])


@pytest.mark.parametrize(
    ("world_axis", "direction", "stack_axis"),
    [
        (1, 1, 1),  # the most anterior voxels: row 0
        (0, 1, 2),  # the patient's right: column 0
        (2, -1, 0),  # the lowest: slice 0
    ],
)
def test_ends_of_the_body_by_world_coordinates(world_axis, direction, stack_axis):
    for orientation in ORIENTATIONS[::5]:
        volume = oriented(orientation)
        shape = volume.data.shape[:3]
        world = np.moveaxis(np.indices(shape), 0, -1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        along = direction * world[..., world_axis]
        marked = Volume((along == along.max())[..., None].astype(np.float32), volume.affine, ("T1",))
        stack = np.moveaxis(axial_slices(marked)[0][..., 0], stack_axis, 0)
        assert stack[0].all() and stack.sum() == stack[0].sum(), orientation


@pytest.mark.parametrize("turn", [(45.0, (1, 0, 0)), (45.0, (0, 0, 1)), (60.0, (1, 1, 1))])
def test_too_oblique_is_refused(turn):
    volume = Volume(RAS[..., None], rotation(*turn) @ RAS_AFFINE, ("T1",))
    for use in (axial_slices, lambda volume: to_volume(RAS, volume.grid)):
        with pytest.raises(KgpError, match=r"lies too obliquely to cut axial slices: a voxel axis is \d\d degrees off"):
            use(volume)


def test_reading_keeps_values_order_and_geometry(tmp_path):
    paths = {"FLAIR": save(tmp_path / "b.nii.gz", RAS), "T1": save(tmp_path / "a.nii", RAS + 1)}
    volume = read_volume(paths)
    assert volume.contrasts == ("FLAIR", "T1") and volume.data.dtype == np.float32
    np.testing.assert_array_equal(volume.data, np.stack([RAS, RAS + 1], axis=-1))
    np.testing.assert_array_equal(volume.affine, RAS_AFFINE)
    assert volume.spacing == (1.0, 2.0, 3.0) and volume.grid.shape == SHAPE


def test_scaled_integers_are_rescaled(tmp_path):
    image = nibabel.Nifti1Image(RAS.astype(np.int16), RAS_AFFINE)
    image.header.set_slope_inter(0.5, 10.0)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = np.array([0.5, 10.0], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    stored = nibabel.load(tmp_path / "a.nii").dataobj.get_unscaled()
    np.testing.assert_allclose(read_volume({"T1": tmp_path / "a.nii"}).data[..., 0], stored * 0.5 + 10.0)


@pytest.mark.parametrize(
    ("sform", "qform", "expected"), [(1, 1, (1, 1)), (4, 0, (4, 0)), (0, 2, (0, 2)), (2, 1, (2, 1))]
)
@pytest.mark.parametrize("values", [RAS > 7, (RAS > 7).astype(np.uint8), RAS / 3], ids=["bool", "uint8", "float32"])
def test_writing_keeps_affine_codes_units_and_values(tmp_path, sform, qform, expected, values):
    image = nibabel.Nifti1Image(RAS, rotation(15.0) @ RAS_AFFINE)
    image.set_sform(image.affine, sform)
    image.set_qform(image.affine, qform)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "in.nii")
    volume = read_volume({"T1": tmp_path / "in.nii"})
    write_nifti(values, volume.grid, tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(written.affine, volume.affine, atol=1e-4)
    assert (int(written.header["sform_code"]), int(written.header["qform_code"])) == expected
    assert written.header.get_xyzt_units() == ("mm", "sec")
    assert written.get_data_dtype() == (np.uint8 if values.dtype == bool else values.dtype)
    np.testing.assert_array_equal(np.asarray(written.dataobj), values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nii", "out.nii.gz"]


def test_writing_keeps_a_qform_that_differs_and_a_unit_that_nobody_defined(tmp_path):
    image = nibabel.Nifti1Image(RAS, RAS_AFFINE)
    image.set_sform(RAS_AFFINE, 2)
    image.set_qform(rotation(10.0) @ RAS_AFFINE, 1)
    image.header["xyzt_units"] = 7
    nibabel.save(image, tmp_path / "in.nii")
    write_nifti(RAS, read_volume({"T1": tmp_path / "in.nii"}).grid, tmp_path / "out.nii")
    source, written = nibabel.load(tmp_path / "in.nii"), nibabel.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(written.get_sform(), source.get_sform())
    np.testing.assert_array_equal(written.get_qform(), source.get_qform())
    assert int(written.header["xyzt_units"]) == 7


def test_writing_a_volume_that_was_no_nifti(tmp_path):
    write_nifti(RAS, Volume(RAS[..., None], RAS_AFFINE, ("T1",)).grid, tmp_path / "out.nii")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "out.nii").affine, RAS_AFFINE)


def test_grids_that_differ_are_refused(tmp_path):
    moved = RAS_AFFINE.copy()
    moved[0, 3] += 1.0
    paths = {"T1": save(tmp_path / "a.nii", RAS), "T2": save(tmp_path / "b.nii", RAS, moved)}
    with pytest.raises(
        KgpError,
        match=r"b.nii \(4x5x6 voxels of 1x2x3 mm\) is not on the grid of .*a.nii .*up to 1 mm apart; .*--resample-to",
    ):
        read_volume(paths)
    with pytest.raises(KgpError, match="--resample-to must be one of T1, T2, not 'FLAIR'"):
        read_volume(paths, "FLAIR")


@pytest.mark.parametrize(("moved_by", "fits"), [(0.0005, True), (0.04, True), (0.06, False)])
def test_the_tolerance_of_a_grid_does_not_grow_with_its_distance(tmp_path, moved_by, fits):
    far, moved = RAS_AFFINE.copy(), RAS_AFFINE.copy()
    far[0, 3], moved[0, 3] = 300.0, 300.0 + moved_by
    paths = {"T1": save(tmp_path / "a.nii", RAS, far), "T2": save(tmp_path / "b.nii", RAS, moved)}
    if fits:
        assert read_volume(paths).data.shape == (*SHAPE, 2)
    else:
        with pytest.raises(KgpError, match="is not on the grid of"):
            read_volume(paths)


def test_resampling_onto_another_grid(tmp_path):
    fine = RAS_AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    ramp = np.add.outer(np.add.outer(np.arange(4.0), 10 * np.arange(5.0)), 100 * np.arange(6.0)).astype(np.float32)
    paths = {
        "T1": save(tmp_path / "a.nii", np.zeros((7, 9, 11), np.float32), fine),
        "T2": save(tmp_path / "b.nii", ramp),
    }
    volume = read_volume(paths, "T1")
    np.testing.assert_array_equal(volume.affine, fine)
    expected = np.add.outer(np.add.outer(np.arange(7) / 2, 5 * np.arange(9)), 50 * np.arange(11))
    np.testing.assert_allclose(volume.data[..., 1], expected, atol=1e-3)


def test_resampling_takes_the_lowest_value_outside(tmp_path):
    moved = RAS_AFFINE.copy()
    moved[0, 3] += 2.0
    paths = {"T1": save(tmp_path / "a.nii", RAS), "T2": save(tmp_path / "b.nii", RAS - 5, moved)}
    second = read_volume(paths, "T1").data[..., 1]
    np.testing.assert_allclose(second[2:], RAS[:2] - 5, atol=1e-4)
    np.testing.assert_array_equal(second[:2], -5.0)


def test_values_that_are_not_finite(tmp_path):
    for value in (np.nan, np.inf):
        data = RAS.copy()
        data[1, 2, 3] = value
        with pytest.raises(KgpError, match="a.nii holds values that are not finite"):
            read_volume({"T1": save(tmp_path / "a.nii", data)})


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6, 2), (4, 5, 6, 1, 3)])
def test_other_than_three_dimensions(tmp_path, shape):
    with pytest.raises(KgpError, match=rf"a.nii has {len(shape)} dimensions where a volume of three is expected"):
        read_volume({"T1": save(tmp_path / "a.nii", np.zeros(shape, np.float32))})


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 1, 1)])
def test_further_dimensions_of_one_are_none(tmp_path, shape):
    path = save(tmp_path / "a.nii", RAS.reshape(shape))
    volume = read_volume({"T1": path})
    np.testing.assert_array_equal(volume.data, RAS[..., None])
    assert volume.grid.shape == SHAPE and volume.notes == ()
    write_nifti(RAS, volume.grid, tmp_path / "out.nii")
    assert nibabel.load(tmp_path / "out.nii").shape == SHAPE


@pytest.mark.parametrize("orientation", ORIENTATIONS[1::5], ids=str)
def test_contrasts_with_turned_axes_are_turned_exactly_and_told(tmp_path, orientation):
    turned = oriented(orientation)
    paths = {"T1": save(tmp_path / "a.nii", RAS), "T2": save(tmp_path / "b.nii", turned.data[..., 0], turned.affine)}
    for resample_to in (None, "T1"):
        volume = read_volume(paths, resample_to)
        np.testing.assert_array_equal(volume.data, np.stack([RAS, RAS], axis=-1))
        np.testing.assert_array_equal(volume.affine, RAS_AFFINE)
        assert volume.notes == (
            "has the axes of b.nii in another order or direction than those of a.nii; they were turned exactly, "
            "without interpolation.",
        )


def test_a_difference_of_rounding_is_no_other_grid(tmp_path):
    rounded = RAS_AFFINE.copy()
    rounded[:3, 3] += 0.002
    paths = {"T1": save(tmp_path / "a.nii", RAS), "T2": save(tmp_path / "b.nii", RAS, rounded)}
    volume = read_volume(paths)
    np.testing.assert_array_equal(volume.data, np.stack([RAS, RAS], axis=-1))
    np.testing.assert_array_equal(volume.affine, RAS_AFFINE)  # the first file's own, not a mean
    assert volume.notes == ()


def test_files_of_one_name_in_notes(tmp_path):
    paths = {}
    for contrast in ("T1", "T2"):
        (tmp_path / contrast).mkdir()
        paths[contrast] = save(tmp_path / contrast / "p1.nii", RAS, sform=0, qform=0)
    assert "has neither qform nor sform in T1, T2 (both" in read_volume(paths).notes[0]


def test_notes_on_headers_reach_the_volume(tmp_path):
    path = save(tmp_path / "a.nii", RAS, sform=0, qform=0)
    assert "has neither qform nor sform in a.nii" in read_volume({"T1": path}).notes[0]


def test_a_missing_file(tmp_path):
    with pytest.raises(KgpError, match=r"a.nii.gz is missing"):
        read_volume({"T1": tmp_path / "a.nii.gz"})


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.5, 0.9])
def test_a_file_cut_short(tmp_path, ending, share):
    noise = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    path = save(tmp_path / f"a{ending}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(KgpError, match=r"a\.nii(\.gz)? (is cut short or damaged|cannot be read as NIfTI)"):
        read_volume({"T1": path})


def test_a_damaged_compressed_stream(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[12:30] = b"\xff" * 18
    path.write_bytes(content)
    with pytest.raises(KgpError, match=r"a.nii.gz cannot be read as NIfTI"):
        read_volume({"T1": path})


def test_a_header_of_nonsense(tmp_path):
    path = save(tmp_path / "a.nii", RAS)
    content = bytearray(path.read_bytes())
    content[70:72] = b"\x77\x77"  # a data type that does not exist
    path.write_bytes(content)
    with pytest.raises(KgpError, match="a.nii cannot be read as NIfTI"):
        read_volume({"T1": path})


def test_an_affine_of_nonsense(tmp_path):
    path = save(tmp_path / "a.nii", RAS, sform=1, qform=0)
    content = bytearray(path.read_bytes())
    content[280:284] = np.array([np.nan], "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(KgpError, match="a.nii has an affine that cannot be used"):
        read_volume({"T1": path})


def test_an_affine_that_spans_no_volume(tmp_path):
    path = save(tmp_path / "a.nii", RAS, sform=1, qform=0)
    content = bytearray(path.read_bytes())
    content[280:328] = bytes(48)
    path.write_bytes(content)
    with pytest.raises(KgpError, match="a.nii has an affine that cannot be used: it does not span three dimensions"):
        read_volume({"T1": path, "T2": save(tmp_path / "b.nii", RAS)}, "T2")


@pytest.mark.parametrize("kind", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]], ids=["complex", "rgb"])
def test_values_that_are_no_real_numbers(tmp_path, kind):
    with pytest.raises(KgpError, match="a.nii holds values of type .* where real numbers are expected"):
        read_volume({"T1": save(tmp_path / "a.nii", np.zeros(SHAPE, kind))})


def test_no_voxel(tmp_path):
    with pytest.raises(KgpError, match="a.nii holds no voxel: its size is 0x5x6"):
        read_volume({"T1": save(tmp_path / "a.nii", np.zeros((0, 5, 6), np.float32))})


def test_text_and_other_formats(tmp_path):
    (tmp_path / "a.nii").write_text("no volume at all")
    with pytest.raises(KgpError, match="a.nii cannot be read as NIfTI"):
        read_volume({"T1": tmp_path / "a.nii"})
    nibabel.save(nibabel.MGHImage(RAS, RAS_AFFINE), tmp_path / "a.mgz")
    with pytest.raises(KgpError, match="a.mgz is not a NIfTI file"):
        read_volume({"T1": tmp_path / "a.mgz"})


@pytest.mark.parametrize("side", [650, 30000])
def test_a_header_that_claims_too_much(tmp_path, side):
    path = save(tmp_path / "a.nii", RAS)
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([side] * 3, "<i2").tobytes()
    path.write_bytes(content)
    with pytest.raises(KgpError, match=f"a.nii claims {side}x{side}x{side} voxels, more than are read"):
        read_volume({"T1": path})


def test_voxels_that_are_said_to_lie_nowhere(tmp_path):
    path = save(tmp_path / "a.nii", RAS)
    content = bytearray(path.read_bytes())
    content[108:112] = np.array([1e18], "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(KgpError, match="a.nii is cut short or damaged"):
        read_volume({"T1": path})


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_points_of_the_stack_lie_on_the_voxels_they_show(turn):
    affine = np.eye(4)
    affine[:3, :3] = (np.diag([-1.0, 2.0, -3.0]))[:, turn]
    volume = Volume(np.random.default_rng(0).normal(size=(3, 4, 5, 1)).astype(np.float32), affine, ("T1",))
    stack, _ = axial_slices(volume)
    points = np.argwhere(np.ones(stack.shape[:3], bool))
    x, y, z = to_voxels(points, stack.shape[:3], volume.grid).T
    np.testing.assert_array_equal(volume.data[x, y, z, 0], stack[(*points.T, 0)])
