"""Pieces of work of `benchmark start`, each for a fresh process; they print what they found."""

from __future__ import annotations

import json
import multiprocessing
import time

ENV_ID = "envs:GQNShepard-v0"
LOOP_SECONDS = 1.0


def make() -> None:
    """Seconds from the first import to an environment that is made."""
    begin, used = time.perf_counter(), time.process_time()
    import gymnasium

    gymnasium.make(ENV_ID)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu}))


def memory(environments: int, seed: int) -> None:
    """Megabytes of single environments, above what is imported: made, and after two pictures."""
    import gymnasium

    import gqn_rl.encoders.gqn_encoder
    import gqn_rl.rendering.making  # noqa: F401 - all that they import is there
    from experiments.benchmark.memory import resident_memory

    before = resident_memory()
    made = [gymnasium.make(ENV_ID) for _ in range(environments)]
    undrawn = resident_memory()
    for number, environment in enumerate(made):
        environment.reset(seed=seed + number)
        environment.step(0)
    drawn = resident_memory()
    print(
        json.dumps(
            {
                "environments": environments,
                "undrawn_megabytes": round((undrawn - before) / 2**20, 1),
                "megabytes": round((drawn - before) / 2**20, 1),
            }
        )
    )


def busy(load: int, rounds: int, steps: int, seed: int) -> None:
    """Steps a second of a single environment, and counts a second of a loop of Python, which has
    nothing to wait for: alone and beside a load, taking turns."""
    import gymnasium

    environment = gymnasium.make(ENV_ID)
    environment.reset(seed=seed)

    def rate() -> float:
        begin = time.perf_counter()
        for number in range(steps):
            _, _, over, lost, _ = environment.step(number % 4)
            if over or lost:
                environment.reset()
        return steps / (time.perf_counter() - begin)

    rate()
    found: dict[str, list[float]] = {"quiet": [], "busy": [], "quiet_loop": [], "busy_loop": []}
    context = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        found["quiet"].append(rate())
        found["quiet_loop"].append(_counting())
        others = [context.Process(target=_compute, daemon=True) for _ in range(load)]
        for other in others:
            other.start()
        time.sleep(1.0)  # until they have begun
        found["busy"].append(rate())
        found["busy_loop"].append(_counting())
        for other in others:
            other.kill()
            other.join()
    print(json.dumps(found))


def _counting() -> float:
    """Million counts a second."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < LOOP_SECONDS:
        count += 1
    return count / LOOP_SECONDS / 1e6


def _compute() -> None:
    while True:
        pass
