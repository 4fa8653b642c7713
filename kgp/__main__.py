"""The program `kgp`: one verb a command. `kgp train` is `python -m kgp.train`."""

import difflib
import importlib
import sys

import kgp
from kgp.closed_output import until_closed
from kgp.research_use import NOTICE

VERBS = {
    "train": "fit a network on labelled slices, calibrate and judge it, and write the run folder",
    "evaluate": "judge a run on its test part, or on a data set it never saw",
    "compare": "test two runs on the same slices of the same patients",
    "segment": "classify a volume or a folder of slices and write heatmaps and masks",
    "batch": "segment every study of an archive, on several workers, resumable",
    "explain": "draw one case for reading: slice, heatmap, evidence points, mask",
    "prepare": "check a data set and make it ready for training",
    "cache": "list or remove the slices that trainings have prepared",
    "export": "write a run as a SavedModel or a LiteRT file, compared with the run",
    "import-weights": "turn the weights the paper's authors publish into a run folder",
    "serve": "answer predictions of exported networks over TensorFlow Serving's protocols",
    "console": "at the imaging console: a DICOM study in, findings as DICOM, NIfTI and pictures out",
    "tune": "search dropout, learning rate and other training options",
    "data-service": "read and augment training slices for trainings on other hosts",
    "info": "list networks, presets and formats, or what a run is",
}


def help_text() -> str:
    """What `kgp --help` prints."""
    width = max(len(verb) for verb in VERBS)
    lines = "\n".join(f"  {verb:{width}}  {text}" for verb, text in VERBS.items())
    return (
        "usage: kgp VERB [OPTIONS]\n\n"
        f"{kgp.__doc__.strip()}\n\n"
        f"verbs:\n{lines}\n\n"
        "options:\n"
        f"  {'--help':{width}}  show this text; kgp VERB --help shows a verb's options\n"
        f"  {'--version':{width}}  show the version\n\n"
        f"{NOTICE}"
    )


def main(argv: list[str] | None = None) -> int:
    """Calls the verb's command with the arguments after it.

    Args:
        argv: arguments after the program's name; default `sys.argv[1:]`.

    Returns:
        The command's exit status; 2 where the verb is missing or unknown.
    """
    verb, *rest = (sys.argv[1:] if argv is None else argv) or [""]
    texts = {"--help": help_text, "-h": help_text, "--version": lambda: f"kgp {kgp.__version__}"}
    if verb in texts:
        return until_closed(lambda: _say(texts[verb]()))
    if verb not in VERBS:
        print(f"kgp: {_complaint(verb)}", file=sys.stderr)
        return 2
    return importlib.import_module(f"kgp.{verb.replace('-', '_')}").main(rest)


def _say(text: str) -> int:
    print(text)
    return 0


def _complaint(verb: str) -> str:
    if not verb:
        return f"no verb was given; it takes one of {', '.join(VERBS)}."
    nearest = difflib.get_close_matches(verb.lower(), VERBS, n=1, cutoff=0.0)[0]
    return f"there is no verb {verb!r}; did you mean {nearest}? (kgp --help lists all.)"


if __name__ == "__main__":
    raise SystemExit(main())
