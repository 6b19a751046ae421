"""Model cards: what a repository on the hub says to people, from the records of what it holds."""

from __future__ import annotations

from typing import Any

from agents.saving.bundle import AgentRecord

TAGS = ("gqn_rl", "active-vision", "scene-representation", "shepard-metzler")
PROJECT = "gqn_rl, reinforcement learning on learned 3D scene representations"


def weights_card(repository: str, sidecar: dict[str, Any], licence: str | None) -> str:
    """The card of GQN weights with that sidecar."""
    training = sidecar.get("record", {}).get("training", {})
    facts = {
        "family": sidecar["family"],
        "configuration": _listed(sidecar["config"]),
        "renderer": _listed(sidecar["renderer"]),
        "camera": sidecar["camera"],
        "SHA-256 of the weights": sidecar["sha256"],
        "training steps": training.get("step"),
        "training time in seconds": _rounded(training.get("training_seconds")),
        "trained on": training.get("data_path") or "scenes rendered on the fly",
    }
    use = (
        "from gqn_rl import GenerativeQueryNetwork\n\n"
        f'gqn = GenerativeQueryNetwork.from_pretrained("hub:{repository}")\n'
        "r = gqn.represent(images, poses)  # (B, M, 3, H, W) in [0, 1], (B, M, 7) -> (B, F)"
    )
    about = "Weights of a Generative Query Network (Eslami et al., Science 360:1204, 2018) for"
    head = _front_matter(licence, "image-feature-extraction", ())
    return _card(head, repository, f"{about} {PROJECT}.", facts, "python", use)


def agent_card(repository: str, record: AgentRecord, licence: str | None) -> str:
    """The card of an agent with that record."""
    training, encoder = record.training, record.encoder or {}
    facts = {
        "environment": record.env_id,
        "its arguments": _listed(record.env_kwargs),
        "algorithm": f"{record.algo}, {record.policy}",
        "environment steps": training.get("timesteps"),
        "training time in seconds": _rounded(training.get("seconds")),
        "encoder": encoder.get("name"),
        "SHA-256 of the encoder's weights": encoder.get("sha256"),
        "scores it was selected by": _listed(training.get("selected_by", {})),
        "Stable-Baselines3": record.stable_baselines3,
    }
    use = f"python -m experiments.evaluate_agent --env-id {record.env_id} --agent hub:{repository}"
    head = _front_matter(licence, "reinforcement-learning", ("reinforcement-learning",))
    about = f"An agent for {record.env_id} of {PROJECT}. A score by which the best of several was"
    about += " selected is too good by the choice: measure it again."
    return _card(head, repository, about, facts, "", use)


def _front_matter(licence: str | None, pipeline: str, tags: tuple[str, ...]) -> str:
    lines = ["library_name: gqn_rl", f"pipeline_tag: {pipeline}"]
    lines += [] if licence is None else [f"license: {licence}"]
    lines += ["tags:", *(f"- {tag}" for tag in (*TAGS, *tags))]
    return "\n".join(["---", *lines, "---"])


def _card(
    head: str, repository: str, about: str, facts: dict[str, Any], language: str, use: str
) -> str:
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value not in (None, "")]
    table = "\n".join(["| | |", "|---|---|", *rows])
    files = (
        "The files are safetensors and JSON; nothing is unpickled. `manifest.json` has their sizes "
        "and SHA-256, which are checked before use."
    )
    code = f"```{language}\n{use}\n```"
    title = f"# {repository.split('/')[1]}"
    return "\n\n".join([head, title, about, table, code, files]) + "\n"


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_rounded(value)}" for name, value in values.items())


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return " to ".join(str(_rounded(item)) for item in value)
    return float(f"{value:.4g}") if isinstance(value, float) else value
