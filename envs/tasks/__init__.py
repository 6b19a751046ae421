"""Tasks: what is shown, what may be answered, and what is right."""

from envs.tasks.base import TASKS, AnswerTask, Task, make_task
from envs.tasks.trials import NO_ANSWER, QueryErrors, Trials, Verdict

__all__ = [
    "NO_ANSWER",
    "TASKS",
    "AnswerTask",
    "QueryErrors",
    "Task",
    "Trials",
    "Verdict",
    "make_task",
]
