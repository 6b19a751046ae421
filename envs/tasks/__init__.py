"""Tasks: what is shown, what may be answered, and what is right."""

from envs.tasks.base import TASKS, Task, Trials, make_task

__all__ = ["TASKS", "Task", "Trials", "make_task"]
