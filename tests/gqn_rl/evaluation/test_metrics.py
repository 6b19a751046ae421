"""Errors that can be computed by hand, and predictions on the prior path."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.evaluation.metrics import (
    baseline_errors,
    predict_queries,
    prediction_errors,
    representations,
    sparsification_error,
)
from gqn_rl.geometry.view import Context
from tests.gqn_rl.gqn.models import as_tensors, make_model, random_views


@pytest.fixture(scope="module")
def views() -> SceneViews:
    return random_views(6, 4)


def test_a_perfect_prediction_has_no_error(views: SceneViews) -> None:
    truth = views.images[:, -1]
    errors = prediction_errors(truth / 255.0, truth)
    assert errors["mse"] == errors["mae"] == errors["rmse"] == 0.0
    assert errors["psnr"] == errors["foreground_psnr"] == 120.0


def test_known_errors_have_known_sizes() -> None:
    truth = np.zeros((1, 10, 10, 3), np.uint8)
    truth[0, :2] = 102  # a fifth of the image is object
    prediction = np.zeros((1, 10, 10, 3))
    prediction[0, :2] = 0.5  # 25.5 too bright there
    errors = prediction_errors(prediction, truth)
    assert errors["mae"] == pytest.approx(25.5 / 5)
    assert errors["rmse"] == pytest.approx(25.5 / math.sqrt(5))
    assert errors["mse"] == pytest.approx(0.01 / 5)
    assert errors["psnr"] == pytest.approx(20 + 10 * math.log10(5))
    assert errors["foreground_psnr"] == pytest.approx(20)


def test_predictions_beyond_the_range_are_clipped() -> None:
    truth = np.full((1, 4, 4, 3), 255, np.uint8)
    assert prediction_errors(np.full((1, 4, 4, 3), 7.0), truth)["mse"] == 0.0


def test_the_best_constant_image_beats_black(views: SceneViews) -> None:
    errors = baseline_errors(views, 3)
    assert errors["mean_image"]["rmse"] < errors["black"]["rmse"]
    truth = views.images[:, -1] / 255.0
    assert errors["black"]["mse"] == pytest.approx(np.square(truth).mean())
    assert errors["mean_image"]["mse"] == pytest.approx(truth.var(axis=0).mean())


def test_the_nearest_view_is_the_closest_of_the_context(views: SceneViews) -> None:
    viewpoints = views.viewpoints.copy()
    images = views.images.copy()
    viewpoints[:, 1] = viewpoints[:, -1]  # the second context view is the query itself
    images[:, 1] = images[:, -1]
    repeated = SceneViews(images, viewpoints)
    for context_size, is_perfect in ((1, False), (2, True), (3, True)):
        error = baseline_errors(repeated, context_size)["nearest_view"]["mse"]
        assert (error == 0) == is_perfect


def test_predictions_are_samples_from_the_prior_path(views: SceneViews) -> None:
    model = make_model().eval()
    predicted = predict_queries(
        model,
        views,
        2,
        generator=torch.Generator().manual_seed(0),
        num_samples=2,
        precision="fp32",
    )
    assert predicted.shape == (2, 6, 64, 64, 3)
    assert predicted.dtype == np.float32
    images, viewpoints = as_tensors(views)
    with torch.no_grad():
        expected = model.predict(
            Context(images[:, :2], viewpoints[:, :2]),
            viewpoints[:, -1],
            torch.Generator().manual_seed(0),
        )
    np.testing.assert_allclose(predicted[0], expected.permute(0, 2, 3, 1), atol=1e-5)


def test_the_query_view_does_not_help_to_predict_itself(views: SceneViews) -> None:
    model = make_model().eval()

    def predict(images: np.ndarray) -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        return predict_queries(model, SceneViews(images, views.viewpoints), 2, generator=generator)

    garbled = views.images.copy()
    garbled[:, 2:] = 255 - garbled[:, 2:]
    np.testing.assert_array_equal(predict(garbled), predict(views.images))


def test_sparsification_error_says_whether_variance_orders_predictions_as_errors_do() -> None:
    squared = np.random.default_rng(0).exponential(size=200)
    same = sparsification_error(squared, 3.0 * squared)
    unrelated = sparsification_error(squared, np.random.default_rng(1).uniform(size=200))
    opposite = sparsification_error(squared, -squared)
    assert same == 0.0
    assert 0.1 < unrelated < opposite
    assert unrelated == pytest.approx(sparsification_error(4.0 * squared, np.zeros(200)), abs=0.1)


@pytest.mark.parametrize("context_size", [0, 4])
def test_context_sizes_that_leave_no_query_are_refused(
    views: SceneViews, context_size: int
) -> None:
    with pytest.raises(ValueError, match=f"context_size is {context_size}, expected 1 to 3"):
        predict_queries(make_model(), views, context_size, generator=torch.Generator())


def test_representations_do_not_depend_on_the_chunks(views: SceneViews) -> None:
    model = make_model().eval()
    whole = representations(model, views, precision="fp32")
    chunks = representations(model, views, precision="fp32", scenes_per_chunk=4)
    assert whole.shape == (6, model.representation_size)
    np.testing.assert_allclose(chunks, whole, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(whole, model.represent(*as_tensors(views)), atol=1e-4)


def test_decibels_of_images_are_averaged_beside_those_of_pooled_pixels() -> None:
    truth = np.full((2, 4, 4, 3), 51, np.uint8)  # 0.2
    predicted = np.full(truth.shape, 0.3)
    predicted[1] = 0.21
    errors = prediction_errors(predicted, truth)
    assert errors["image_psnr"] == pytest.approx((20 + 40) / 2)
    assert errors["psnr"] == pytest.approx(-10 * math.log10((1e-2 + 1e-4) / 2))
    assert errors["psnr"] <= errors["image_psnr"]
