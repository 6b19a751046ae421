"""Explore what the GQN believes, watch the agents and take their test, in a browser.

Serves a page on this machine and prints its address; Ctrl-C ends it. Nothing is fetched from
anywhere else. Needs the extra `explore`: pip install "gqn-rl[explore]".
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from experiments.shared.command import check_new_folder, require_at_least, run_command
from experiments.shared.threads import ThreadsFlag, use_threads
from gqn_rl.errors import UserError
from gqn_rl.gqn.config import ENCODER_WEIGHTS

LAST_PORT = 65_535


@dataclass(frozen=True)
class ExploreSettings(ThreadsFlag):
    """Flags of `python -m experiments.explore`."""

    host: str = "127.0.0.1"
    """Address to serve on; 0.0.0.0 lets other machines in, to a page without a password."""
    port: int = 7860
    """Port to serve on; 0 for any free one."""
    weights: str = ENCODER_WEIGHTS
    """GQN to begin with: shipped weights by name, or the path of a checkpoint."""
    agent: Path | None = None
    """Run folder or agent file to watch beside the agents that ship."""
    seed: int = 0
    """Seed of the objects, samples, episodes and pairs; the same in every session."""
    measure: bool = False
    """Measure how long each action takes, print it and serve nothing."""
    rounds: int = 20
    """How often each action is measured."""
    output: Path | None = None
    """Folder for metrics.json of --measure; by default runs/explore-<time>."""


def main(settings: ExploreSettings) -> None:
    """Serve, or measure."""
    check(settings)
    use_threads(settings.threads)
    if settings.measure:
        from experiments.explorer.latency import measure_actions

        measure_actions(settings.seed, settings.rounds, settings.output)
        return
    if find_spec("gradio") is None:
        raise UserError('gradio is not installed; pip install "gqn-rl[explore]"')
    from experiments.explorer.exploring import Workshop
    from experiments.explorer.page.layout import build_page
    from experiments.explorer.server import make_app, open_port, serve

    waiting = open_port(settings.host, settings.port)
    workshop = Workshop(settings.weights, settings.seed)
    print(f"encoding the shapes of the gallery with {settings.weights!r}, some seconds", flush=True)
    workshop.gallery(settings.weights).prepare()
    app = make_app(build_page(workshop, settings.agent))
    print(f"http://{settings.host}:{waiting.getsockname()[1]} (Ctrl-C ends it)", flush=True)
    serve(app, waiting)


def check(settings: ExploreSettings) -> None:
    """Refuse now what would fail on a click, or after minutes."""
    from agents.saving.bundle import load_bundle
    from gqn_rl.gqn.checkpoint import pretrained_path

    require_at_least(settings, {"rounds": 1})
    if not 0 <= settings.port <= LAST_PORT:
        raise UserError(f"port is {settings.port}, expected 0 to {LAST_PORT}")
    if settings.output is not None:
        check_new_folder(settings.output)
    pretrained_path(settings.weights)
    if settings.agent is not None:
        load_bundle(settings.agent)


if __name__ == "__main__":
    run_command(main, ExploreSettings, __doc__)
