"""Processes of one attempt meet, whatever the attempts before have left in the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import HashStore, PrefixStore, Store

from gqn_rl.training import rendezvous
from gqn_rl.training.rendezvous import agent_store, fresh_part


def attempt(store: Store, size: int) -> list[PrefixStore]:
    """The part of the store that every process of a new attempt gets."""
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: fresh_part(store, rank, size), range(size)))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_processes_of_an_attempt_share_a_part_and_see_nothing_of_the_attempts_before(
    size: int,
) -> None:
    store = HashStore()
    for number in range(3):
        parts = attempt(store, size)
        for part in parts:
            assert not part.check(["address"])
        parts[0].set("address", str(number))
        assert {part.get("address") for part in parts} == {str(number).encode()}


def test_a_process_that_died_while_it_was_waiting_is_not_waited_for() -> None:
    store = HashStore()
    store.set("hello/1", "from the dead")
    first, second = attempt(store, 2)
    first.set("address", "here")
    assert second.get("address") == b"here"


def test_an_attempt_may_have_fewer_processes_than_the_one_before() -> None:
    store = HashStore()
    attempt(store, 4)
    first, second = attempt(store, 2)
    second.set("address", "here")
    assert first.get("address") == b"here"


def test_processes_that_do_not_come_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "TIMEOUT", timedelta(seconds=0))
    with pytest.raises(RuntimeError, match=r"processes \[1, 2\] have not come"):
        fresh_part(HashStore(), 0, 3)


def test_without_torchrun_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    assert agent_store() is None
