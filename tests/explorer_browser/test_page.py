"""The explorer as a person meets it: loaded, clicked, misused and played."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.explorer
PATIENCE = 120
"""Seconds; the machine may be busy."""
ANSWERS_SHOWN = 24
"""In the picture of the documentation."""


class Page:
    """A freshly loaded explorer."""

    def __init__(self, chromium: Any, address: str) -> None:
        self.chromium = chromium
        chromium.get(address)
        self.wait_for(lambda: self.find("#panels img"))

    def find(self, selector: str) -> Any:
        return self.chromium.find_element("css selector", selector)

    def html(self, selector: str) -> str:
        return str(self.find(selector).get_attribute("innerHTML"))

    def text(self, selector: str) -> str:
        return str(self.find(selector).text)

    def click(self, selector: str) -> None:
        self.wait_for(lambda: self.find(selector).is_enabled())
        self.find(selector).click()

    def open(self, tab: str) -> None:
        for button in self.chromium.find_elements("css selector", "button[role=tab]"):
            if button.text == tab:
                button.click()

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.chromium, PATIENCE, 0.1, [WebDriverException])
        return waiting.until(lambda _: condition())

    def content(self, selector: str) -> tuple[str, list[str]]:
        """What a person sees of an element; not what Gradio notes in it about its state."""
        return self.text(selector), self.sources(selector)

    def changes(self, selector: str, act: Callable[[], None]) -> None:
        """Wait for something to change an element."""
        before = self.content(selector)
        act()
        self.wait_for(lambda: self.content(selector) != before)

    def sources(self, selector: str) -> list[str]:
        """The pictures in an element, as their data."""
        return re.findall(r'src="([^"]+)"', self.html(selector))

    def value(self, selector: str) -> float:
        return float(self.find(selector).get_attribute("value"))

    def type_moves(self, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        box = self.find("#moves textarea")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text)


@pytest.fixture
def page(chromium: Any, address: str) -> Page:
    return Page(chromium, address)


def test_the_page_loads_and_asks_no_other_host(page: Page, address: str) -> None:
    assert page.find("h2").text == "gqn_rl explorer"
    assert "before any view" in page.text("#panels")
    entries = page.chromium.get_log("performance")
    messages = [json.loads(entry["message"])["message"] for entry in entries]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.startswith(address) for url in urls)
    elsewhere = [url for url in urls if url.startswith("http") and not url.startswith(address)]
    assert elsewhere == []


def test_a_look_changes_what_the_gqn_expects(page: Page) -> None:
    before = page.sources("#panels")
    page.click("#look")
    page.wait_for(lambda: "after 1 view" in page.text("#panels"))
    truth, expected, *_ = page.sources("#panels")
    assert truth == before[0]
    assert expected != before[1]
    page.wait_for(lambda: "view 1" in page.text("#views"))
    page.wait_for(lambda: page.find("#curve img"))
    page.wait_for(lambda: page.find("#nearest img"))


def test_a_click_on_the_map_moves_the_camera(page: Page) -> None:
    from selenium.webdriver import ActionChains

    before = page.sources("#panels")
    image = page.find("#map img")
    place = ActionChains(page.chromium).move_to_element_with_offset(image, 80, -20)
    page.changes("#panels", lambda: place.click().perform())
    assert page.sources("#panels")[0] != before[0]
    # The middle of the map is azimuth 0 and elevation 0.
    page.wait_for(lambda: 40 <= page.value("#azimuth input[type=number]") <= 120)
    page.wait_for(lambda: 5 <= page.value("#elevation input[type=number]") <= 40)


def test_looks_are_taken_from_where_the_last_click_was(page: Page) -> None:
    from selenium.webdriver import ActionChains

    image = page.find("#map img")
    for x in (-60, 60):
        ActionChains(page.chromium).move_to_element_with_offset(image, x, 0).click().perform()
        page.click("#look")  # at once, while the click may still be on its way
    page.wait_for(lambda: "view 2" in page.text("#views"))
    page.wait_for(lambda: page.value("#azimuth input[type=number]") > 0)
    first, second = page.sources("#views")
    assert first != second
    # The camera is where the last click put it, and so was the last look.
    page.wait_for(lambda: page.sources("#panels")[0] == second)


@pytest.mark.parametrize("text", ["+x +q", "[[0,0,0],[5,0,0]]", "<b>bold</b>"])
def test_a_drawing_that_is_no_object_gets_a_message(page: Page, text: str) -> None:
    before = page.text("#about")
    page.type_moves(text)
    page.click("#draw")
    page.wait_for(lambda: "expected" in page.text("#explore-message"))
    assert page.text("#about") == before
    page.type_moves("+x +x +y +z +z +z")
    page.changes("#about", lambda: page.click("#draw"))
    page.wait_for(lambda: page.text("#explore-message") == "")


def test_an_upload_that_is_no_object_gets_a_message(page: Page, tmp_path: Path) -> None:
    wrong, right = tmp_path / "picture.png", tmp_path / "object.json"
    wrong.write_bytes(b"\x89PNG\xff\xfe\x00")
    right.write_text("[[0,0,0],[1,0,0],[1,1,0],[1,1,1],[1,1,2]]")
    upload = page.find("input[type=file]")
    upload.send_keys(str(wrong))
    page.wait_for(lambda: "picture.png is no text" in page.text("#explore-message"))
    page.find("input[type=file]").send_keys(str(right))
    page.wait_for(lambda: "of 5 cubes" in page.text("#about"))


def test_an_agent_is_watched_step_by_step(page: Page) -> None:
    page.open("Watch")
    page.wait_for(lambda: page.find("#picture img"))
    page.changes("#lines", lambda: page.click("#step"))
    page.wait_for(lambda: "look 1:" in page.text("#lines"))
    page.changes("#picture", lambda: page.click("#episode"))
    page.wait_for(lambda: "Nothing done yet" in page.text("#lines"))


def test_answers_are_counted_and_timed(page: Page, pictures: Path | None) -> None:
    page.open("Play")
    for count in range(1, 3 if pictures is None else 1 + ANSWERS_SHOWN):
        button = "#same" if count % 2 else "#mirrored"
        page.changes("#pair", lambda: page.click("#next"))
        score = page.sources("#score")
        page.click(button)
        page.wait_for(lambda n=count: f"of {n} right so far" in page.text("#play-message"))
        page.wait_for(lambda old=score: page.sources("#score") != old)
    seconds = re.search(r"([\d.]+) s\.", page.text("#play-message"))
    assert seconds is not None
    assert 0 < float(seconds[1]) < PATIENCE
    if pictures is not None:
        page.chromium.save_screenshot(str(pictures / "explorer_play.png"))


def test_a_session_does_not_see_another_ones_views(page: Page, address: str) -> None:
    page.click("#look")
    page.wait_for(lambda: "view 1" in page.text("#views"))
    page.chromium.switch_to.new_window("tab")
    other = Page(page.chromium, address)
    assert "No views yet" in other.text("#views")
    page.chromium.close()
    page.chromium.switch_to.window(page.chromium.window_handles[0])


def test_nothing_goes_wrong_in_the_browser(page: Page) -> None:
    page.chromium.get_log("browser")  # the page before was left while it was being served
    page.click("#look")
    page.wait_for(lambda: page.find("#nearest img"))
    page.open("Watch")
    page.wait_for(lambda: page.find("#picture img"))
    entries = page.chromium.get_log("browser")
    assert [entry for entry in entries if entry["level"] == "SEVERE"] == []


def test_a_port_in_use_is_named(address: str) -> None:
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.explore", "--port", port],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: cannot serve on port {port} of '127.0.0.1': it is in use; "
        "choose another with --port\n"
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port", "70000"], "port is 70000, expected 0 to 65535"),
        (["--host", "203.0.113.1"], "cannot serve on port 7860 of '203.0.113.1'"),
        (["--port", "0", "--weights", "nonsense"], "no weights called 'nonsense'"),
        (["--port", "0", "--agent", "nowhere/agent"], "agent 'nowhere/agent.safetensors'"),
    ],
)
def test_wrong_flags_get_one_line(flags: list[str], message: str) -> None:
    command = [sys.executable, "-m", "experiments.explore", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
