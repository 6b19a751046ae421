"""The ideal observer for an environment, where it knows how the scenes are made and drawn."""

from __future__ import annotations

from envs.tasks.mental_rotation import MentalRotationTask
from envs.tasks.recognition import RecognitionTask
from envs.tasks.view_prediction import ViewPredictionTask
from experiments.agent.environment import AgentEnvironment
from experiments.agent.ideal.answering import IdealAgent, IdealMentalRotation, IdealRecognition
from experiments.agent.ideal.views import IdealViews
from experiments.agent.view_strategies import Choice, Schedule
from gqn_rl.inference.ideal_observer import GalleryObserver
from gqn_rl.rendering import Appearance
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED

IDEAL_AGENTS: dict[type, type[IdealAgent]] = {
    RecognitionTask: IdealRecognition,
    MentalRotationTask: IdealMentalRotation,
}
"""Tasks of which the ideal observer knows how their scenes are made and what is right."""
IDEAL_VIEWS = (ViewPredictionTask,)
"""Tasks in which it predicts views."""


def ideal_agent(environment: AgentEnvironment, choose: Choice | None = None) -> IdealAgent | None:
    """The ideal observer as an agent; None for tasks, sizes and looks of which it knows nothing.

    Args:
        choose: see `IdealAgent`.
    """
    kind = IDEAL_AGENTS.get(type(environment.task))
    if kind is None or not kind.knows(environment.rows) or not _is_usual(environment):
        return None
    return kind(environment, choose)


def ideal_views(environment: AgentEnvironment, looks: Schedule) -> IdealViews | None:
    """The ideal observer as a view strategy; None where `ideal_agent` would be none."""
    rows = environment.rows
    known = type(environment.task) in IDEAL_VIEWS and rows.num_cubes <= MAX_ENUMERATED
    known = known and not rows.pixel_noise
    orientation = environment.env_kwargs.get("orientation") or "grid"
    known = known and GalleryObserver.knows(orientation, rows.position, rows.field_of_view)
    return IdealViews(environment, looks) if known and _is_usual(environment) else None


def _is_usual(environment: AgentEnvironment) -> bool:
    """Whether objects look as they usually do."""
    return Appearance.of(environment.env_kwargs.get("appearance")) == Appearance()
