"""Weights and agents go to the hub and come back as they were, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from agents.saving.bundle import TRAINED
from gqn_rl.gqn.checkpoint import pretrained_path
from tests.interchange.child import Result, run_module
from tests.interchange.hub_server import TOKEN, HubServer, Repository, running

pytestmark = pytest.mark.interchange("huggingface_hub")

AGENT = TRAINED / "GQNShepard-v0.safetensors"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running(HubServer()) as server:
        yield server


def run(hub: HubServer, home: Path, *arguments: object, token: str = TOKEN) -> Result:
    """What `python -m` with these arguments does in a process that knows no hub but this one."""
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "cache"),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "*",
    }
    return run_module(settings, home, *map(str, arguments))


def command(hub: HubServer, home: Path, *arguments: object, token: str = TOKEN) -> Result:
    """The same for `python -m experiments.hub`."""
    return run(hub, home, "experiments.hub", *arguments, token=token)


def refused(result: Result) -> str:
    """The one line of a command that ended with exit code 2."""
    code, _, errors = result
    assert code == 2, errors
    assert len(errors.splitlines()) == 1, errors
    return errors


def pushed(hub: HubServer, home: Path, source: object = "small", name: str = "someone/gqn") -> str:
    code, output, errors = command(hub, home, "push", "--source", source, "--repository", name)
    assert code == 0, errors
    return output


def test_weights_come_back_as_they_were(hub: HubServer, tmp_path: Path) -> None:
    address = pushed(hub, tmp_path)
    files = hub.repositories["someone/gqn"].commits[address.split("@")[1]]
    assert set(files) == {"model.safetensors", "model.json", "manifest.json", "README.md"}
    assert files["model.safetensors"] == pretrained_path("small").read_bytes()
    code, output, errors = command(
        hub, tmp_path, "pull", "--repository", "someone/gqn", "--output", tmp_path / "pulled"
    )
    assert code == 0, errors
    written = Path(output)
    assert written.read_bytes() == pretrained_path("small").read_bytes()
    assert written.with_suffix(".json").is_file()


def test_from_pretrained_takes_an_address(hub: HubServer, tmp_path: Path) -> None:
    address = pushed(hub, tmp_path)
    written = tmp_path / "out.safetensors"
    status, _, errors = run(hub, tmp_path, "tests.interchange.load_weights", address, written)
    assert status == 0, errors
    weights = load_file(pretrained_path("small"))
    for name, tensor in load_file(written).items():
        assert torch.equal(tensor, weights[name].float())


def test_an_agent_is_evaluated_from_the_hub(hub: HubServer, tmp_path: Path) -> None:
    pushed(hub, tmp_path, "GQNShepard-v0", "someone/agent")
    code, output, errors = run(
        hub, tmp_path, "experiments.evaluate_agent", "--agent", "hub:someone/agent",
        "--episodes", 16, "--num-envs", 16, "--no-baselines", "--output", tmp_path / "run",
    )  # fmt: skip
    assert code == 0, errors
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["accuracy"] > 0.7
    code, output, errors = command(
        hub, tmp_path, "pull", "--repository", "someone/agent", "--output", tmp_path / "pulled"
    )
    assert code == 0, errors
    assert Path(output).read_bytes() == AGENT.read_bytes()


def test_the_card_says_what_it_is_and_how_to_use_it(hub: HubServer, tmp_path: Path) -> None:
    for source, name, words in (
        ("small", "someone/gqn", ("lattice", 'from_pretrained("hub:someone/gqn")')),
        (AGENT, "someone/agent", ("ppo", "--agent hub:someone/agent", "GQNShepard-v0")),
    ):
        pushed(hub, tmp_path, source, name)
        repository = hub.repositories[name]
        card = repository.commits[repository.branches["main"]]["README.md"].decode()
        assert card.startswith("---\nlibrary_name: gqn_rl\n")
        for word in words:
            assert word in card


def test_a_revision_names_what_was_there_then(hub: HubServer, tmp_path: Path) -> None:
    first = pushed(hub, tmp_path)
    pushed(hub, tmp_path, "base")
    flags = ("--output", tmp_path / "old")
    code, output, errors = command(hub, tmp_path, "pull", "--repository", first, *flags)
    assert code == 0, errors
    assert Path(output).read_bytes() == pretrained_path("small").read_bytes()
    code, output, errors = command(
        hub, tmp_path, "push", "--source", "small", "--repository", "someone/gqn",
        "--revision", "trial",
    )  # fmt: skip
    assert code == 0, errors
    branches = hub.repositories["someone/gqn"].branches
    assert set(branches) == {"main", "trial"}
    assert branches["trial"] == output.split("@")[1]


@pytest.mark.parametrize("same_size", [True, False])
def test_a_corrupt_download_is_refused_and_not_kept(
    hub: HubServer, tmp_path: Path, same_size: bool
) -> None:
    pushed(hub, tmp_path)
    whole = pretrained_path("small").read_bytes()
    spoilt = whole[:-1] + bytes([whole[-1] ^ 1]) if same_size else whole[:-8]
    hub.spoil["model.safetensors"] = spoilt
    arguments = ("pull", "--repository", "someone/gqn", "--output", tmp_path / "pulled")
    line = refused(command(hub, tmp_path, *arguments))
    assert "model.safetensors" in line
    assert "truncated or changed" in line
    assert not (tmp_path / "pulled").exists()
    hub.spoil.clear()
    code, _, errors = command(hub, tmp_path, *arguments)
    assert code == 0, errors


def test_a_cached_revision_needs_no_hub(hub: HubServer, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    gone = HubServer(url="http://127.0.0.1:9")
    for number, server in enumerate((hub, hub, gone)):
        flags = ("--output", tmp_path / str(number))
        code, _, errors = command(server, tmp_path, "pull", "--repository", "someone/gqn", *flags)
        assert code == 0, errors
    asked = [request for request in hub.requests if request.endswith("/model.safetensors")]
    assert [request.split()[0] for request in asked] == ["HEAD", "GET"]  # once for all three


@pytest.mark.parametrize("action", ["push", "pull"])
def test_an_unreachable_hub_is_one_line(action: str, tmp_path: Path) -> None:
    source = ("--source", "small") if action == "push" else ()
    hub = HubServer(url="http://127.0.0.1:9")  # the discard port: nobody listens
    line = refused(command(hub, tmp_path, action, *source, "--repository", "someone/gqn"))
    assert "http://127.0.0.1:9" in line


@pytest.mark.parametrize("action", ["push", "pull"])
def test_a_hub_that_never_answers_is_given_up(
    hub: HubServer, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gqn_rl.hub.repository.ANSWER_WITHIN", 1.0)
    hub.silent = True
    source = ("--source", "small") if action == "push" else ()
    line = refused(command(hub, tmp_path, action, *source, "--repository", "someone/gqn"))
    assert hub.url in line


def test_what_is_not_there_or_not_allowed_is_one_line(hub: HubServer, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    hub.repositories["someone/gqn"].add("bare", {"manifest.json": b"{}"})
    empty = hub.repositories.setdefault("someone/empty", Repository())
    empty.add("main", {"README.md": b""})
    cases = [
        (("pull", "--repository", "someone/else"), TOKEN, "there is none, or not for you"),
        (("pull", "--repository", "someone/gqn@gone"), TOKEN, "there is no such revision"),
        (("pull", "--repository", "someone/gqn@bare"), TOKEN, "is not a manifest"),
        (("pull", "--repository", "someone/empty"), TOKEN, "it holds no manifest.json"),
        (("pull", "--repository", "one"), TOKEN, "expected hub:owner/name"),
        (("push", "--source", "small", "--repository", "someone/gqn"), "wrong", "not allowed"),
        (("push", "--source", "nothing", "--repository", "someone/gqn"), TOKEN, "'nothing'"),
    ]
    for arguments, token, words in cases:
        assert words in refused(command(hub, tmp_path, *arguments, token=token))


def test_one_kind_is_not_taken_for_the_other(hub: HubServer, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    line = refused(
        run(
            hub, tmp_path, "experiments.evaluate_agent", "--agent", "hub:someone/gqn",
            "--output", tmp_path / "run",
        )
    )  # fmt: skip
    assert "holds 'weights', expected 'agent'" in line
