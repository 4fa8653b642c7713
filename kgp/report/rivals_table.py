"""The table of trivial rivals beside the network, for report.html."""

from typing import Any

from kgp.report.numbers import interval, number


def rivals_shown(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """What the template shows of the entry "rivals" of metrics.json: head, rows, warning, and
    sentences on what is missing; None where metrics.json is of an earlier version.
    """
    rivals = metrics.get("rivals")
    if rivals is None:
        return None
    with_detection = metrics["classification"]["detection_f1"] is not None
    detection = ["F1, tumour against none"] if with_detection else []
    scores = ["accuracy", "detection_f1"] if with_detection else ["accuracy"]
    rows = [_row("the network", metrics["classification"], scores, "–")]
    rows += [
        _row(rival["what"], rival, scores, _ahead(rival["network_ahead"]["macro_f1"]))
        for rival in rivals["figures"].values()
    ]
    return {
        "head": ["", "macro-F1", "accuracy", *detection, "the network is ahead by (macro-F1)"],
        "rows": rows if rivals["figures"] else [],
        "learned_from": rivals.get("learned_from"),
        "missing": [rivals[key] for key in ("why_none", "why_no_place") if rivals[key]],
        "warning": rivals["warning"],
    }


def _row(what: str, values: dict[str, Any], scores: list[str], ahead: str) -> list[str]:
    ends = interval(values["intervals"]["macro_f1"])
    macro_f1 = number(values["macro_f1"]) + (f" ({ends})" if ends else "")
    return [what, macro_f1, *(number(values[key]) for key in scores), ahead]


def _ahead(values: dict[str, Any]) -> str:
    ends = interval((values["low"], values["high"]))
    return f"{values['difference']:+.3f}" + (f" ({ends})" if ends else "")
