"""Tasks: what is shown, what may be answered, and what is right."""

from envs.camera.actions import NO_ANSWER
from envs.tasks.base import TASKS, AnswerTask, Task, make_task
from envs.tasks.trials import Outcome, QueryErrors, Trials

__all__ = [
    "NO_ANSWER",
    "TASKS",
    "AnswerTask",
    "Outcome",
    "QueryErrors",
    "Task",
    "Trials",
    "make_task",
]
