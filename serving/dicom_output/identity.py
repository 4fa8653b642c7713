"""What every DICOM object of kgp states about itself: maker, model, intended use and UIDs."""

from typing import Any

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification, CodedConcept
from pydicom.sr.codedict import codes
from pydicom.uid import UID, generate_uid

import kgp
from serving.dicom_output.study_result import StudyResult

MANUFACTURER = "kgp"
BODY_PART = "BRAIN"  # unpaired, so that General Series does not ask for a laterality
BRAIN: CodedConcept = CodedConcept.from_code(codes.SCT.Brain)
NEOPLASM: CodedConcept = CodedConcept.from_code(codes.SCT.Neoplasm)
_LONGEST_LO = 64


class Uids:
    """The UIDs of one study's results, each made once.

    Args:
        entropy: texts that the UIDs are computed from, so that equal texts give equal UIDs; None
            for random ones.
    """

    def __init__(self, entropy: tuple[str, ...] | None) -> None:
        self._entropy = entropy
        self._made: dict[tuple[str, ...], UID] = {}

    def make(self, *kind: str) -> UID:
        """The UID of an object, series or tumour of this kind; the same at every call."""
        if kind not in self._made:
            self._made[kind] = generate_uid(entropy_srcs=None if self._entropy is None else [*self._entropy, *kind])
        return self._made[kind]


def make_uids(result: StudyResult, *, deterministic: bool) -> Uids:
    """The UIDs of a study's results: random, or computed from what the results depend on.

    These are the UIDs of all images, the model, the reading and the version of kgp.
    """
    if not deterministic:
        return Uids(None)
    sources = [str(source.SOPInstanceUID) for source in result.sources]
    frames = [str(frame) for frame in result.frames]
    return Uids((*sources, *frames, *result.instances, result.model["sha256"], result.reading, kgp.__version__))


def device_uid(result: StudyResult) -> UID:
    """The UID of kgp with this model as an observer; the same for every study."""
    return generate_uid(entropy_srcs=["kgp", kgp.__version__, result.model["sha256"]])


def equipment(result: StudyResult) -> dict[str, Any]:
    """Arguments of highdicom's constructors that name the maker: kgp, its version and the model."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": plain(result.model["name"]),
        "software_versions": (kgp.__version__, plain(result.model["version"])),
        "device_serial_number": plain(result.model["sha256"]),
    }


def algorithm_sequence(result: StudyResult) -> AlgorithmIdentificationSequence:
    """The algorithm of a segment."""
    return AlgorithmIdentificationSequence(
        name="kgp", family=codes.DCM.ArtificialIntelligence, version=kgp.__version__, parameters=_parameters(result)
    )


def algorithm_of_report(result: StudyResult) -> AlgorithmIdentification:
    """The algorithm of a group of measurements."""
    return AlgorithmIdentification(
        name="kgp",
        version=kgp.__version__,
        parameters=[f"{name}={value}" for name, value in _parameters(result).items()],
    )


def plain(text: str, longest: int = _LONGEST_LO) -> str:
    """A text that every DICOM viewer can show: ASCII, no backslash, at most `longest` characters."""
    return text.encode("ascii", "replace").decode().replace("\\", "/").strip()[:longest]


def _parameters(result: StudyResult) -> dict[str, str]:
    """Model and reading that the algorithm ran with."""
    parameters = {f"model_{name}": result.model[name] for name in ("name", "version", "sha256")}
    parameters["reading"] = result.reading
    return {name: plain(value, 256) for name, value in parameters.items()}
