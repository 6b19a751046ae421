"""The page: three tabs, no script, style or letter from anywhere else."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from experiments.explorer.exploring import Workshop
from experiments.explorer.page.explore_tab import ExploreTab
from experiments.explorer.page.play_tab import PlayTab
from experiments.explorer.page.watch_tab import WatchTab

TITLE = "gqn_rl explorer"
SANS, MONO = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
STYLE = """
.pictures { display: flex; flex-wrap: wrap; gap: 10px; }
.pictures figure { margin: 0; }
.pictures img { image-rendering: pixelated; display: block; border-radius: 4px; }
.pictures.figure img { image-rendering: auto; max-width: 100%; height: auto !important; }
.pictures.panels { display: grid; grid-template-columns: repeat(4, 1fr); }
.pictures.panels img { width: 100%; height: auto !important; }
.pictures.pair { background: #000; justify-content: center; border-radius: 6px; }
.pictures figcaption { font-size: 0.8rem; opacity: 0.8; max-width: 190px; }
.pictures.nearest figcaption { max-width: 90px; }
.note { font-size: 0.85rem; opacity: 0.8; margin: 0 0 0.4rem 0; }
.problem { color: #b00020; font-weight: 600; margin: 0.3rem 0; }
.outcome { margin: 0.1rem 0; }
.outcome.right { color: #1b7a3d; font-weight: 600; }
.outcome.wrong { color: #b00020; font-weight: 600; }
.tight { gap: 4px !important; }
.pictures.map img { cursor: crosshair; width: 100%; height: auto !important; }
.pictures.map figure { width: 100%; }
footer { display: none !important; }
"""


def theme() -> gr.themes.Base:
    """Letters of the machine itself: the default theme fetches them from elsewhere."""
    return gr.themes.Default(font=list(SANS), font_mono=list(MONO))


def build_page(workshop: Workshop, agent: Path | None) -> gr.Blocks:
    """The page for any number of sessions.

    Args:
        agent: one of one's own, to be watched beside those that ship.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 600)) as page:
        gr.HTML(f"<h2>{TITLE}</h2>")
        with gr.Tab("Explore", elem_id="tab-explore"):
            explore = ExploreTab(workshop)
        with gr.Tab("Watch", elem_id="tab-watch") as watch_tab:
            watch = WatchTab(agent, workshop.seed)
        with gr.Tab("Play", elem_id="tab-play"):
            play = PlayTab(workshop.seed)
        explore.begin(page)
        watch.connect(watch_tab)
        play.connect(page)
    return page
