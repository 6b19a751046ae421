"""Stable-Baselines3 agents for any Gymnasium vector environment whose infos name the answer."""

from gqn_rl.moved import register

register(
    __name__,
    {
        "acting_network": "saving.acting_network",
        "answer_memory": "algorithms.answer_memory",
        "answer_policy": "policies.answer_policy",
        "answer_ppo": "algorithms.answer_ppo",
        "answer_sac": "algorithms.answer_sac",
        "answer_sac_policy": "policies.answer_sac_policy",
        "belief": "policies.answer_posterior",
        "bundle": "saving.bundle",
        "callbacks": "training.callbacks",
        "checkpoints": "training.checkpoints",
        "features": "policies.features",
        "global_random": "training.global_random",
        "log_callback": "training.log_callback",
        "look_stack": "policies.view_stack",
        "model_state": "training.model_state",
        "move_features": "policies.move_features",
        "move_sac_policy": "policies.move_sac_policy",
        "pixel_features": "policies.pixel_features",
        "replay": "algorithms.replay",
        "sb3_zip": "saving.sb3_zip",
        "search_study": "search.study",
        "search_workers": "search.workers",
        "shaping": "algorithms.shaping",
        "spaces_json": "saving.spaces_json",
        "targets": "algorithms.targets",
        "training_state": "training.training_state",
        "turning": "algorithms.turning",
        "weights": "saving.weights",
        "policies.look_stack": "policies.view_stack",
    },
)
