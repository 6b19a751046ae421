"""Events of the page on their way to the server."""

from __future__ import annotations

from typing import Any

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""No veil over what is about to change, and no entry in a public interface."""
ONE_AT_A_TIME: dict[str, Any] = QUIET | {"concurrency_id": "actions", "concurrency_limit": 1}
"""In the order of the clicks: each action reads the state that the one before it left. Otherwise
a click while the camera is still being moved could be undone by the end of that move."""
EVERY_CLICK: dict[str, Any] = ONE_AT_A_TIME | {"trigger_mode": "multiple"}
"""Clicks that come before the last one is answered count too; others are ignored until then."""
LATEST: dict[str, Any] = ONE_AT_A_TIME | {"trigger_mode": "always_last"}
"""Of the values that come meanwhile only the last."""
AFTERWARDS: dict[str, Any] = QUIET | {"concurrency_id": "afterwards", "concurrency_limit": 1}
"""What only reads the state, and takes longer."""
