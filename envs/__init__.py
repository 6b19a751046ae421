"""Environments in which an agent looks around an object before it answers.

Importing the package registers the ids with Gymnasium.
"""

from gqn_rl.moved import register

register(
    __name__,
    {
        "active_perception": "ap_gym.environment",
        "camera_angles": "camera.angles",
        "camera_control": "camera.control",
        "episodes": "rows.episodes",
        "frames": "drawing.frames",
        "memory": "observation.encoder_memory",
        "observation.observers": "observation.content",
        "observers": "observation.content",
        "picture": "drawing.picture",
        "prediction_losses": "ap_gym.losses",
        "predictions": "rows.query_errors",
        "prospects": "observation.next_best_view",
        "row_access": "rows.row_access",
        "rows.encoder_memory": "observation.encoder_memory",
        "rows.snapshots": "snapshots",
        "scene_rows": "rows.scene_rows",
        "seeding": "rows.seeding",
        "spaces": "observation.spaces",
        "view_store": "rows.view_store",
    },
)

from envs.registration import ENV_IDS, known_id, register_task  # noqa: E402 - its strings may be old names

__all__ = ["ENV_IDS", "known_id", "register_task"]
