"""A module's weights as distinct tensors, as safetensors wants them."""

from __future__ import annotations

from torch import Tensor, nn


def distinct_weights(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module on the CPU, each tensor once.

    Stable-Baselines3 policies list a shared features extractor under three names.
    """
    seen: set[tuple[int, tuple[int, ...]]] = set()
    weights = {}
    for name, value in module.state_dict().items():
        identity = (value.data_ptr(), tuple(value.shape))
        if value.numel() and identity in seen:
            continue
        seen.add(identity)
        weights[name] = value.detach().cpu().contiguous()
    return weights


def load_distinct_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Inverse of `distinct_weights`.

    Raises:
        RuntimeError: for a name too many or too few, or another shape.
    """
    expected = distinct_weights(module)
    if expected.keys() != weights.keys():
        different = sorted(expected.keys() ^ weights.keys())
        raise RuntimeError(f"weights missing or left over: {different}")
    module.load_state_dict(weights, strict=False)
