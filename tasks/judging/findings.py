"""What the gate looks at: a finding each, which says in words whether it speaks for the candidate.

Every one is made, not only the first that fails: a person sees the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from ray_jobs.contract.evaluation import Comparison, DataCheck, Estimate, Scores
from ray_jobs.contract.export import ExportFormat, Parity, VerificationResult, Verified
from ray_jobs.contract.verdict import Aim, Check, Finding, Policy

NO_CHAMPION = "there is no champion to compare with"

_LEAST_P = 0.0001
_LEAST_CLASSES = 2
# On fewer, 15 bins are so thin that chance alone may take a calibrated model over the bound.
_CALIBRATION_IMAGES = 100


def finding(check: Check, failed: Sequence[str], passed: str) -> Finding:
    """What failed; where nothing did, what passed."""
    return Finding(check=check, passed=not failed, fact="; ".join(failed) or passed)


def of_data(checks: Sequence[DataCheck]) -> Finding:
    """Whether the test split is one to judge by; without a check, nobody knows."""
    failed = [one.fact for one in checks if not one.passed]
    if not checks:
        return finding(Check.DATA, ["nobody checked the test split"], "")
    return finding(Check.DATA, failed, f"the test split passed its {len(checks)} checks")


def of_exports(verification: VerificationResult, policy: Policy) -> Finding:
    """Whether every required format answers as the trained model does."""
    found = _by_format(verification)
    failed = [
        f"{kind} falls short: {found[kind].reason}" if kind in found else f"{kind} was not made"
        for kind in _required(policy)
        if kind not in verification.published
    ]
    alike = [
        _alike(kind, parity)
        for kind in _required(policy)
        if kind in found and (parity := found[kind].parity)
    ]
    return finding(Check.EXPORTS, failed, "; ".join(alike))


def of_floors(scores: Scores, policy: Policy) -> Finding:
    """Whether accuracy and macro F1 are high enough whatever the champion does."""
    accuracy = f"test accuracy {_accuracy(scores)}"
    macro_f1 = f"macro F1 {_figure(scores.macro_f1)}"
    floors = (
        (accuracy, scores.accuracy, policy.accuracy_floor),
        (macro_f1, scores.macro_f1, policy.macro_f1_floor),
    )
    failed = [
        f"{said} is below the floor of {floor:g}"
        for said, found, floor in floors
        if found.value is None or found.value < floor
    ]
    reached = f"reaches the floor of {policy.accuracy_floor:g}"
    passed = f"{accuracy} {reached}, {macro_f1} that of {policy.macro_f1_floor:g}"
    return finding(Check.FLOORS, failed, passed)


def of_comparison(comparison: Comparison | None, policy: Policy) -> Finding:
    """Whether the candidate is what the policy aims at, beside the champion; a tie is not."""
    if comparison is None:
        return finding(Check.COMPARISON, [], NO_CHAMPION)
    if len(comparison.classes) < _LEAST_CLASSES:
        return finding(Check.COMPARISON, [_nothing_in_common(comparison)], "")
    figures = _beside(comparison)
    if comparison.candidate_only == comparison.champion_only:
        failed = [f"as many images are right, and a tie keeps the champion: {figures}"]
        return finding(Check.COMPARISON, failed, "")
    if policy.aim is Aim.BETTER:
        passed = _is_better(comparison, policy)
        said = f"better, with an error rate of at most {policy.error_rate:g}"
    else:
        passed = _is_not_worse(comparison, policy)
        said = f"not worse by {policy.margin:g} or more"
    words = f"{'' if passed else 'it is not shown to be '}{said}: {figures}"
    return Finding(check=Check.COMPARISON, passed=passed, fact=words)


def of_calibration(scores: Scores, policy: Policy) -> Finding:
    """Whether the candidate is as sure as it is right."""
    error, bound = scores.calibration.error, policy.calibration_error
    said = f"calibration error {_figure(error)}"
    if bound is None:
        return finding(Check.CALIBRATION, [], f"{said}, without a bound")
    if error.images < _CALIBRATION_IMAGES:
        few = f"{said}; its bound counts from {_CALIBRATION_IMAGES} images on, not {error.images}"
        return finding(Check.CALIBRATION, [], few)
    failed = [f"{said} is above {bound:g}"] if error.value is None or error.value > bound else []
    return finding(Check.CALIBRATION, failed, f"{said}, at most {bound:g}")


def of_latency(verification: VerificationResult, policy: Policy) -> Finding:
    """Whether every required format answers one image soon enough, by the median."""
    bound, found = policy.latency_ms, _by_format(verification)
    medians = {
        kind: latency.median_ms
        for kind in _required(policy)
        if kind in found and (latency := found[kind].latency)
    }
    slow = {} if bound is None else {k: ms for k, ms in medians.items() if ms > bound}
    allowed = "without a bound" if bound is None else f"at most {bound:g} ms"
    said = "; ".join(_answers(kind, ms) for kind, ms in (slow or medians).items())
    words = f"{said or 'no required format was timed'}, {allowed}"
    return finding(Check.LATENCY, [words] if slow else [], words)


def _nothing_in_common(comparison: Comparison) -> str:
    shared = f"{len(comparison.classes)} of its classes are the champion's"
    return f"{shared}, nothing to compare; `sortline promote` makes it champion all the same"


def _is_better(comparison: Comparison, policy: Policy) -> bool:
    """McNemar's test on the images, and the whole interval of the macro F1 above zero."""
    return comparison.p_value <= policy.error_rate and _above(comparison.macro_f1_difference, 0.0)


def _is_not_worse(comparison: Comparison, policy: Policy) -> bool:
    differences = comparison.accuracy_difference, comparison.macro_f1_difference
    return all(_above(one, -policy.margin) for one in differences)


def _above(difference: Estimate, least: float) -> bool:
    return difference.interval is not None and difference.interval[0] > least


def _beside(comparison: Comparison) -> str:
    champion = comparison.champion
    return (
        f"test accuracy {_accuracy(comparison.candidate)} against {_accuracy(champion)} "
        f"of champion version {champion.model_version}; "
        f"{comparison.candidate_only} images right by the candidate alone, "
        f"{comparison.champion_only} by the champion alone, {_chance(comparison)}; "
        f"accuracy {_change(comparison.accuracy_difference)}, "
        f"macro F1 {_change(comparison.macro_f1_difference)}"
    )


def _chance(comparison: Comparison) -> str:
    p_value = comparison.p_value
    return f"p = {p_value:.4f}" if p_value >= _LEAST_P else f"p < {_LEAST_P:.4f}"


def _required(policy: Policy) -> tuple[ExportFormat, ...]:
    """The SavedModel always: it is what is scored, and what is used where nobody says otherwise."""
    return tuple(dict.fromkeys((ExportFormat.SAVED_MODEL, *policy.required_exports)))


def _by_format(verification: VerificationResult) -> dict[ExportFormat, Verified]:
    return {one.format: one for one in verification.formats}


def _alike(kind: ExportFormat, parity: Parity) -> str:
    alike = f"{parity.same} of {parity.images - parity.ties} images alike"
    return f"{kind} answers {alike}, probabilities within {parity.max_difference:.1g}"


def _answers(kind: ExportFormat, median_ms: float) -> str:
    return f"{kind} answers one image in {median_ms:.1f} ms (median)"


def _accuracy(scores: Scores) -> str:
    return f"{_figure(scores.accuracy)} ({scores.correct} of {scores.images})"


def _figure(found: Estimate) -> str:
    return "(not defined)" if found.value is None else f"{found.value:.3f}"


def _change(found: Estimate) -> str:
    if found.value is None or found.interval is None:
        return "(difference not defined)"
    low, high = found.interval
    return f"{found.value:+.3f} (95% interval {low:+.3f} to {high:+.3f})"
