"""A user's mistakes at construction: one clear line that names what is valid."""

from __future__ import annotations

import pytest
from gymnasium.utils.env_checker import data_equivalence

from gqn_rl.errors import UserError
from gqn_rl.rendering import RendererIdentity
from tests.envs.fake_encoder import FakeEncoder
from tests.renderers import needs_pybullet


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observation": "smell"}, "unknown observation 'smell'.*'pixels', 'posterior'"),
        ({"renderer": "blender"}, "unknown renderer 'blender'.*'pybullet', 'raycast'"),
        ({"shapes": "exam"}, "unknown shapes 'exam'.*'test', 'train'"),
        ({"orientation": "odd"}, "orientation.*'odd'.*expected.*'free'"),
        ({"pixel_noise": -1.0}, "pixel_noise is -1.0, expected 0 to 255 levels"),
        ({"pixel_noise": float("nan")}, "pixel_noise is nan, expected 0 to 255 levels"),
        ({"pixel_noise": "much"}, "pixel_noise is 'much', expected 0 to 255 levels"),
        ({"field_of_view": 0}, "field_of_view is 0, expected 1 to 45 degrees"),
        ({"field_of_view": 60.0}, "field_of_view is 60.0, expected 1 to 45 degrees"),
        ({"field_of_view": "wide"}, "field_of_view is 'wide', expected 1 to 45 degrees"),
        ({"position": "left"}, "unknown position 'left'.*'centred', 'random'"),
        ({"render_mode": "hologram"}, "unknown render_mode 'hologram'.*'rgb_array'"),
        ({"control": "joystick"}, "unknown control 'joystick'.*'continuous', 'discrete'"),
        ({"task": "telepathy"}, "unknown task 'telepathy'.*'mental_rotation', 'recognition'"),
        ({"flatten": "no"}, "flatten is 'no', expected True or False"),
        ({"flatten": 1}, "flatten is 1, expected True or False"),
        ({"max_looks": 0}, "max_looks is 0, expected at least 1"),
        ({"image_size": 0}, "image_size is 0"),
        ({"num_cubes": 99}, "num_cubes is 99"),
        ({"num_cubes": 5}, "num_cubes=5"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'; task .* takes .*'orientation'"),
        ({"renderer": "raycast", "device": "abacus"}, "device 'abacus' cannot be used"),
        ({"image_size": 32}, "image_size=64.*image_size=32"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*render_mode")
def test_bad_arguments_are_refused_in_one_line(make, make_vec, env_id, arguments, message, vector):
    with pytest.raises(UserError, match=message) as caught:
        (make_vec if vector else make)(env_id, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("", {"gallery_size": 253}, "gallery_size is 253, expected 2 to 252"),
        ("", {"gallery_size": 1}, "gallery_size is 1, expected 2 to 252"),
        ("", {"gallery": "pretty"}, "unknown gallery 'pretty'.*'confusable', 'distinct'"),
        ("", {"colours": "shared"}, "unexpected keyword argument 'colours'"),
        ("MentalRotation", {"orientation": "grid"}, "orientation is 'grid', expected 'free'"),
        ("MentalRotation", {"colours": "odd"}, "unknown colours 'odd'.*'independent', 'shared'"),
        ("MentalRotation", {"gallery_size": 10}, "unexpected keyword argument 'gallery_size'"),
        (
            "MentalRotation",
            {"num_cubes": 3, "shapes": "all"},
            "none of the shapes='all' of num_cubes=3 .* needs chiral shapes",
        ),
        ("ViewPrediction", {"encoder": FakeEncoder()}, "FakeEncoder.* cannot draw views"),
        (
            "ViewPrediction",
            {"encoder": FakeEncoder(), "observation": "pixels"},
            "cannot draw views .* which ViewPredictionTask needs",
        ),
        ("ViewPrediction", {"image_size": 32, "observation": "state"}, "image_size=64"),
    ],
)
@pytest.mark.parametrize("control", ["", "Continuous"])
def test_what_does_not_go_together_is_refused(make, task, control, arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        make(f"GQNShepard{task}{control}-v0", **arguments)
    assert "\n" not in str(caught.value)


def test_an_unknown_autoreset_mode_lists_the_known(make_vec):
    with pytest.raises(UserError, match=r"'Sometimes'.*'Disabled', 'NextStep', 'SameStep'"):
        make_vec(autoreset_mode="Sometimes")


@pytest.mark.parametrize("arguments", [{"num_envs": 2}, {"autoreset_mode": "SameStep"}])
def test_what_only_several_environments_have_is_refused_for_one(make, env_id, arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(UserError, match=f"{name}={value!r} is for several.*make_vec") as caught:
        make(env_id, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"seed": 3}, {"reset_mask": [True] * 4, "x": 1}, [], "all"])
def test_reset_options_that_are_not_understood_are_refused(make, make_vec, options):
    for env in (make(observation="state").unwrapped, make_vec(observation="state")):
        before = env.reset(seed=0)[0]
        with pytest.raises(UserError, match=r"reset option.*expected .*'reset_mask'"):
            env.reset(seed=1, options=options)
        assert data_equivalence(env.reset(seed=0, options={})[0], before, exact=True)


def test_an_encoder_made_for_other_pictures_is_refused(make):
    identity = RendererIdentity(name="pybullet", version="1", image_size=64)
    make(encoder=FakeEncoder(renderer=identity.to_dict()))
    other = identity.to_dict() | {"look": "glossy"}
    with pytest.raises(UserError, match=r"look='glossy'.*look='flat-v1'"):
        make(encoder=FakeEncoder(renderer=other))


@needs_pybullet
def test_a_twin_renderer_makes_the_same_pictures_and_is_accepted(make):
    identity = RendererIdentity(name="raycast", version="9", image_size=64)
    env = make(encoder=FakeEncoder(renderer=identity.to_dict()), renderer="pybullet")
    assert env.unwrapped.rows.renderer.identity.name == "pybullet"


def test_a_bare_object_can_be_shared_between_environments(make):
    encoder = FakeEncoder()
    first, second = make(encoder=encoder), make(encoder=encoder)
    alone, _ = first.reset(seed=0)
    second.reset(seed=1)
    again, _ = make(encoder=FakeEncoder()).reset(seed=0)
    assert (alone["representation"] == again["representation"]).all()


def test_observations_that_need_no_encoder_load_none(make):
    env = make(encoder="there is no such encoder", observation="pixels")
    assert env.unwrapped.rows.encoder is None


def test_objects_look_as_they_are_told_to(make):
    look = {"colours": "uniform", "edges": True, "background": "white"}
    image = make(observation="pixels", appearance=look).reset(seed=0)[0]["image"]
    assert (image[0, 0] == 255).all()
    assert (image == 0).all(axis=-1).any()
    assert (image == image[..., :1]).all()
    usual = FakeEncoder(renderer=RendererIdentity("pybullet", "1", image_size=64).to_dict())
    with pytest.raises(UserError, match=r"look='flat-v1'.*'flat-v1\+uniform\+edges\+white'"):
        make(encoder=usual, appearance=look)
    with pytest.raises(UserError, match="unknown colours 'pink'"):
        make(observation="pixels", appearance={"colours": "pink"})
