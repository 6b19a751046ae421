"""The report of a study: what its numbers say, in words, tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from experiments.study import figures, page
from experiments.study.plan import CAMERAS, ENV_ID, SUBJECTS
from experiments.study.statistics import CONFIDENCE, RESAMPLES
from experiments.study.summary import BEST_PIXELS, BOTH, MEASURES, REFERENCE, first_at

TITLE = "Learning from a scene representation and learning from pixels"
NAMES = {name: subject.label for name, subject in SUBJECTS.items()} | {
    BEST_PIXELS: "best pixel agent"
}
QUESTION = (
    "A camera moves round an object, and the agent says which shape of a gallery it is "
    f"({ENV_ID}). Eslami et al. (2018) trained agents on the representation of a GQN and on "
    "pixels: the former needed about a quarter of the interactions, and with a moving camera the "
    "latter did not learn at all. How many times as many steps do agents on pixels need here?"
)
METHOD = (
    "All agents have the same algorithm, the same hyperparameters and the same policy behind what "
    "takes their observation in; the learning rate is constant, so that the time to an accuracy "
    "does not depend on how long a run was to last. A run is evaluated on episodes of its own, the "
    "same ones each time, with the likeliest action. The time to a threshold is that of the first "
    "evaluation at or above it; that an agent may waver below it later is not held against it, and "
    "no time is finer than the distance between two evaluations. Seconds count training "
    "(environment, encoder and learning) on one core, without the evaluations; other runs may have "
    "been going on beside. The GQN's pre-training, which saw no label of the task, is not counted."
)
STATISTICS = (
    f"Numbers are interquartile means over runs; in parentheses {CONFIDENCE:.0%} intervals of the "
    f"percentile bootstrap, {RESAMPLES:,} resamples of the runs within each agent and camera "
    "(Agarwal et al., 2021). A run that ended without reaching a threshold only says that it would "
    "have taken longer than it lasted. It enters every mean, ratio and interval as that lower "
    "bound, with no upper one: “> x” is a number that is only known to be more than x, and an "
    "interval “to unknown” has no upper end. The best pixel agent is the better one of those on "
    "pixels, chosen anew in every resample. Few runs make intervals too narrow rather than too "
    "wide; a single run has none."
)


def html(summary: dict[str, Any], results: Sequence[dict[str, Any]], study: dict[str, Any]) -> str:
    """The page.

    Args:
        summary: see `experiments.study.summary.summarise`.
        results: the runs it was made from.
        study: the command that makes it, and the names of the runs that are planned.
    """
    sections = (
        _unfinished(results, study),
        _findings(summary),
        _curves(summary),
        _times(summary),
        _final(summary),
        _compared(summary, results),
        _runs(summary, results),
        _made_with(results, study),
    )
    return page.document(TITLE, [part for section in sections for part in section])


def finding(summary: dict[str, Any], camera: str, threshold: float) -> str:
    """The ratio that the study is about, in a sentence.

    Camera and threshold must be those of an entry in the summary's ratios.
    """
    found = summary["ratios"][camera][BEST_PIXELS][str(threshold)]["timesteps"]
    where = "With both cameras together" if camera == BOTH else f"With a {camera} camera"
    begin = f"{where}, to accuracy {threshold}"
    if found["at_least"] <= 0:
        return f"{begin}: the agent on the representation did not get there in enough runs to tell."
    return (
        f"{begin}: the best pixel agent needs {page.estimate(found)} times as many steps as the "
        f"agent on the representation; {verdict(found, summary['targets'])}."
    )


def verdict(found: dict[str, Any], targets: dict[str, float]) -> str:
    """What a ratio says about the targets, its interval included."""
    if found["interval"] is None:
        return "one run of an agent tells nothing about others"
    low, high = found["interval"]
    for name in ("goal", "least"):
        if low >= targets[name]:
            what = "the goal of" if name == "goal" else "the target of at least"
            return f"{what} {targets[name]:g} is reached"
    least = targets["least"]
    if high is not None and high < least:
        return f"the target of at least {least:g} is missed"
    return f"whether it is at least {least:g}, as was the target, these runs do not tell"


def _unfinished(results: Sequence[dict[str, Any]], study: dict[str, Any]) -> Iterator[str]:
    missing = set(study["planned"]) - {run["name"] for run in results}
    if missing:
        yield page.paragraph(
            f"This study is not finished: {len(missing)} of {len(study['planned'])} planned runs "
            "are not there yet."
        )


def _findings(summary: dict[str, Any]) -> Iterator[str]:
    yield page.paragraph(QUESTION)
    ratios = summary["ratios"]
    shown = [camera for camera, found in ratios.items() if BEST_PIXELS in found]
    for camera in shown:
        for threshold in summary["thresholds"]:
            yield page.paragraph(finding(summary, camera, threshold))
    if shown:
        yield page.figure(
            figures.ratios(summary),
            "How many times as many steps the best pixel agent needs; arrows where there is no "
            "upper bound.",
        )
    for measure, name in MEASURES.items():
        rows = [
            [
                camera,
                threshold,
                *(_ratio(found, agent, threshold, measure) for agent in _others(summary)),
            ]
            for camera, found in ratios.items()
            for threshold in summary["thresholds"]
        ]
        if any(ratios.values()):
            names = [NAMES[agent] for agent in _others(summary)]
            caption = f"Times as many {name} as the agent on the representation"
            yield page.table(caption, ["camera", "accuracy", *names], rows)


def _others(summary: dict[str, Any]) -> list[str]:
    """Everything that the representation is compared with, in the order of `NAMES`."""
    there = {agent for found in summary["ratios"].values() for agent in found}
    return sorted(there, key=[BEST_PIXELS, *SUBJECTS].index)


def _ratio(found: dict[str, Any], agent: str, threshold: float, measure: str) -> str:
    return page.estimate(found[agent][str(threshold)][measure]) if agent in found else ""


def _curves(summary: dict[str, Any]) -> Iterator[str]:
    yield page.heading("How they learn")
    yield page.figure(
        figures.learning_curves(summary),
        "Accuracy of evaluations, interquartile mean and pointwise interval over runs. A run that "
        "ended keeps its last accuracy.",
    )


def _times(summary: dict[str, Any]) -> Iterator[str]:
    yield page.heading("What it takes to reach an accuracy")
    yield page.figure(
        figures.times(summary),
        "Steps to each accuracy, with intervals; arrows where there is no upper bound.",
    )
    for camera, agents in summary["reached"].items():
        rows = [
            [
                NAMES[agent],
                threshold,
                f"{_any(by_measure)['reached']} of {_any(by_measure)['runs']}",
            ]
            + [page.estimate(by_measure[measure]) for measure in MEASURES]
            for agent, found in agents.items()
            for threshold, by_measure in found.items()
        ]
        caption = "both cameras" if camera == BOTH else f"{camera} camera: {CAMERAS[camera]}"
        yield page.table(caption, ["agent", "accuracy", "reached in", *MEASURES.values()], rows)


def _any(by_measure: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = by_measure["timesteps"]
    return found


def _final(summary: dict[str, Any]) -> Iterator[str]:
    yield page.heading("Where they end")
    head = ["agent", "runs", "ended early", "weights", "accuracy", "looks", *MEASURES.values()]
    for camera, agents in summary["final"].items():
        rows = [
            [NAMES[agent], found["accuracy"]["runs"], found["stopped_early"]]
            + [f"{found['parameters']:,}"]
            + [page.estimate(found[key]) for key in ("accuracy", "looks", *MEASURES)]
            for agent, found in agents.items()
        ]
        yield page.table(f"{camera} camera, last evaluation of each run", head, rows)


def _compared(summary: dict[str, Any], results: Sequence[dict[str, Any]]) -> Iterator[str]:
    conditions = results[0]["conditions"]
    yield page.heading("What was compared, and how")
    yield page.table(
        "agents",
        ["agent", "what it sees"],
        [[NAMES[name], SUBJECTS[name].description] for name in summary["agents"]],
    )
    yield page.table(
        "cameras", ["camera", ""], [[name, CAMERAS[name]] for name in summary["cameras"]]
    )
    yield page.paragraph(f"{_learning(conditions)} {METHOD}")
    yield page.paragraph(STATISTICS)
    yield page.code(yaml.safe_dump(conditions, sort_keys=False, default_flow_style=None).rstrip())


def _learning(conditions: dict[str, Any]) -> str:
    if conditions["plain_ppo"]:
        return "They learn from the reward alone: plain PPO."
    if conditions["hyperparameters"].get("aux_feedback") == "rewards":  # older studies have none
        return (
            "They learn from the reward alone. What an answer is worth is a regression on the "
            "states in which the agent itself answered; no label is told."
        )
    return (
        "While they train, all of them are also told the right answer (an auxiliary loss on "
        "the answer posterior); the reward decides where to look and when to answer."
    )


def _runs(summary: dict[str, Any], results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield page.heading("Every run")
    thresholds = summary["thresholds"]
    rows = [
        [run["camera"], NAMES[run["agent"]], run["seed"]]
        + [_time(first_at(run, threshold, "timesteps")) for threshold in thresholds]
        + [page.number(run["curve"][-1][key]) for key in (*MEASURES, "accuracy", "looks")]
        for run in sorted(results, key=_order)
    ]
    head = ["camera", "agent", "seed", *(f"steps to {t}" for t in thresholds)]
    head += [*MEASURES.values(), "last accuracy", "looks"]
    yield page.table("Raw results are in the files of the folder runs", head, rows)


def _order(run: dict[str, Any]) -> tuple[int, int, int]:
    return list(CAMERAS).index(run["camera"]), list(SUBJECTS).index(run["agent"]), run["seed"]


def _time(steps: float | None) -> str:
    return "not reached" if steps is None else page.number(steps)


def _made_with(results: Sequence[dict[str, Any]], study: dict[str, Any]) -> Iterator[str]:
    yield page.heading("Made with")
    yield page.code(study["command"])
    encoders = _distinct(
        {"agent": run["agent"], **run["encoder"]} for run in results if run["encoder"]
    )
    trained = [encoder for encoder in encoders if encoder.pop("agent") == REFERENCE]
    machines = _distinct({**run["machine"], "load": None} for run in results)
    facts: dict[str, Any] = {"machines": machines, "trained encoder": trained}
    yield page.code(yaml.safe_dump(facts, sort_keys=False).rstrip())


def _distinct(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in items:
        entry = {key: value for key, value in item.items() if value is not None}
        if entry not in found:
            found.append(entry)
    return found
