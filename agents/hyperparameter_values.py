"""The values of hyperparameters: how YAML is read, and of what kind and range each has to be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from gqn_rl.errors import UserError

EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""Numbers that YAML 1.1, which PyYAML reads, takes for text unless they have a point and a sign."""


Loader: Any = type("Loader", (yaml.SafeLoader,), {})
"""YAML's own loader, with the numbers of YAML 1.2."""
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"^{EXPONENT.pattern}$"), list("-+.0123456789")
)


def read_yaml(text: str) -> Any:
    """What a text in YAML holds; 1e-3 is a number with or without a point.

    Raises:
        yaml.YAMLError: for text that is none.

    >>> read_yaml("{rate: 1e-3, steps: 2E4, schedule: lin_1e-3}")
    {'rate': 0.001, 'steps': 20000.0, 'schedule': 'lin_1e-3'}
    """
    return yaml.load(text, Loader)


@dataclass(frozen=True)
class Rule:
    """What a hyperparameter may be.

    >>> share = Rule("a number from 0 to 1", number(at_least=0.0, at_most=1.0))
    >>> share.checked("gamma", 0.9)
    0.9
    >>> share.checked("gamma", "high")
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: hyperparameter gamma is 'high', expected a number from 0 to 1

    Attributes:
        expected: in words, for the error.
        read: the value as it is used; `ValueError` or `TypeError` for one that cannot be.
    """

    expected: str
    read: Callable[[Any], Any]

    def checked(self, name: str, value: Any) -> Any:
        """The value as it is used.

        Raises:
            UserError: naming the value and what was expected.
        """
        try:
            return self.read(value)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"hyperparameter {name} is {value!r}, expected {self.expected}"
            raise UserError(message) from error


def number(
    at_least: float = -math.inf, at_most: float = math.inf, above: float = -math.inf
) -> Callable[[Any], float]:
    """Reads finite numbers in a range; text that is a number counts as one."""

    def read(value: Any) -> float:
        found = _number(value)
        if not (math.isfinite(found) and at_least <= found <= at_most and found > above):
            raise ValueError
        return found

    return read


def whole(at_least: int) -> Callable[[Any], int]:
    """Reads whole numbers of 64 bits; 1e6 is one."""

    def read(value: Any) -> int:
        found = _number(value)
        if found != int(found) or not at_least <= found < 2**63:
            raise ValueError
        return int(found)

    return read


def one_of(*readers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads what one of them can."""

    def read(value: Any) -> Any:
        for reader in readers:
            try:
                return reader(value)
            except (TypeError, ValueError, OverflowError):
                continue
        raise ValueError

    return read


def prefixed(prefix: str, rest: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Reads text such as "lin_1e-3", whose second part can be read."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.startswith(prefix):
            raise ValueError
        rest(value.removeprefix(prefix))
        return value

    return read


def exactly(*known: Any) -> Callable[[Any], Any]:
    """Reads these values and no other, not even an equal one of another type."""

    def read(value: Any) -> Any:
        if not any(value is each or (value == each and isinstance(value, str)) for each in known):
            raise ValueError
        return value

    return read


def instance(*kinds: type) -> Callable[[Any], Any]:
    """Reads values of these types."""

    def read(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return read


def sizes(value: Any) -> list[int]:
    """Reads the widths of layers."""
    return [whole(1)(size) for size in instance(list, tuple)(value)]


def architecture(value: Any) -> Any:
    """Reads one list of widths, or one for each head by its name."""
    if isinstance(value, dict):
        return {exactly("pi", "vf", "qf")(name): sizes(widths) for name, widths in value.items()}
    return sizes(value)


def frequency(value: Any) -> Any:
    """Reads how often an off-policy algorithm learns: every so many steps, or episodes."""
    if isinstance(value, list | tuple):
        count, unit = value
        return (whole(1)(count), exactly("step", "episode")(unit))
    return whole(1)(value)


def gradient_steps(value: Any) -> int:
    """Reads updates per rollout; -1 are as many as there were steps."""
    found = whole(-1)(value)
    if found == 0:
        raise ValueError
    return found


POSITIVE_COUNT = Rule("a whole number, at least 1", whole(1))
COUNT = Rule("a whole number, at least 0", whole(0))
SHARE = Rule("a number from 0 to 1", number(at_least=0.0, at_most=1.0))
NOT_NEGATIVE = Rule("a number, at least 0", number(at_least=0.0))
POSITIVE = Rule("a number above 0", number(above=0.0))
FINITE = Rule("a number", number())
NAME = Rule("a name", instance(str))
YES_OR_NO = Rule("true or false", instance(bool))
NAMED = Rule("names with values", instance(dict))
SCHEDULE = Rule(
    "a number above 0 or 'lin_<number>'",
    one_of(number(above=0.0), prefixed("lin_", number(above=0.0))),
)
ENTROPY = Rule(
    "a number, at least 0, or auto or 'auto_<number>'",
    one_of(number(at_least=0.0), exactly("auto"), prefixed("auto_", number(above=0.0))),
)

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("n_timesteps", "num_envs", "n_steps", "n_epochs"), POSITIVE_COUNT),
    **dict.fromkeys(("buffer_size", "aux_buffer_size", "aux_batch_size"), POSITIVE_COUNT),
    **dict.fromkeys(("learning_starts", "aux_updates"), COUNT),
    "batch_size": Rule("a whole number, at least 2", whole(2)),
    **dict.fromkeys(("gamma", "gae_lambda", "tau"), SHARE),
    **dict.fromkeys(("learning_rate", "clip_range"), SCHEDULE),
    **dict.fromkeys(("ent_coef", "vf_coef", "aux_coef", "aux_weight_decay"), NOT_NEGATIVE),
    "max_grad_norm": POSITIVE,
    "train_freq": Rule("a whole number, at least 1, or [number, step or episode]", frequency),
    "gradient_steps": Rule("a whole number, at least 1, or -1", gradient_steps),
    "target_entropy": Rule("a number or auto", one_of(number(), exactly("auto"))),
    "aux_turned": Rule(
        "auto, null, or shapes by name", one_of(exactly("auto", None), instance(dict))
    ),
    "aux_feedback": Rule("labels or rewards", exactly("labels", "rewards")),
    "potential_shaping": YES_OR_NO,
    "for_any_observation": YES_OR_NO,
    "policy": NAME,
    "encoder": Rule("a name, or null for the task's own", one_of(exactly(None), instance(str))),
    "policy_kwargs": NAMED,
    "policy_kwargs.net_arch": Rule("widths of layers, also by pi, vf and qf", architecture),
    "policy_kwargs.activation_fn": NAME,
    "policy_kwargs.features_extractor_class": NAME,
    "policy_kwargs.ortho_init": YES_OR_NO,
    **{
        f"policy_kwargs.{name}": FINITE
        for name in ("confidence_gain", "inverse_temperature", "log_std_init", "threshold")
    },
    "policy_kwargs.supervised_posterior": YES_OR_NO,
    "policy_kwargs.answers_at_last": YES_OR_NO,
    "policy_kwargs.answer_hidden": COUNT,
    "policy_kwargs.prior": Rule(
        "a key of the observation, or null", one_of(exactly(None), instance(str))
    ),
    "policy_kwargs.features_extractor_kwargs": NAMED,
    "policy_kwargs.features_extractor_kwargs.hidden": Rule("widths of layers", sizes),
    "policy_kwargs.features_extractor_kwargs.dropout": SHARE,
    "policy_kwargs.features_extractor_kwargs.heads": POSITIVE_COUNT,
    "policy_kwargs.features_extractor_kwargs.ignored": Rule("a list of names", instance(list)),
    "policy_kwargs.features_extractor_kwargs.templates": COUNT,
    "policy_kwargs.features_extractor_kwargs.input_dropout": SHARE,
    "policy_kwargs.features_extractor_kwargs.products": YES_OR_NO,
    "policy_kwargs.features_extractor_kwargs.compare": YES_OR_NO,
}
"""Dotted name to what it may be; names that are not here are left to whom they are given."""


def checked(settings: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Nested settings with each value as it is used.

    >>> checked({"n_steps": 2e3, "policy_kwargs": {"net_arch": [64]}}, RULES)
    {'n_steps': 2000, 'policy_kwargs': {'net_arch': [64]}}

    Raises:
        UserError: for the first of another kind or out of its range.
    """
    return _checked(settings, rules, "")


def _checked(settings: Mapping[str, Any], rules: Mapping[str, Rule], prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        used = rules[name].checked(name, value) if name in rules else value
        deeper = isinstance(used, dict) and any(rule.startswith(f"{name}.") for rule in rules)
        result[key] = _checked(used, rules, f"{name}.") if deeper else used
    return result


def _number(value: Any) -> float:
    """A number, or text that is one, unchanged in kind where it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value) if isinstance(value, str) else value
