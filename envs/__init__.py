"""Environments in which an agent looks around an object before it answers.

Importing the package registers the ids with Gymnasium.
"""

from envs.registration import ENV_IDS, known_id, register_task

__all__ = ["ENV_IDS", "known_id", "register_task"]
