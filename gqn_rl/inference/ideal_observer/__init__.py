"""The ideal observer: the exact posterior over all objects that can be, given views of one.

References:
    Geisler, Ideal observer analysis, in The Visual Neurosciences, MIT Press, 2003.
    Geisler, Contributions of ideal observer theory to vision research, Vision Research 51:771,
    2011.
    Tjan, Braje, Legge and Kersten, Human efficiency for recognizing 3-D objects in luminance noise,
    Vision Research 35:3053, 1995.
"""

from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.gallery import AnyPosterior, GalleryObserver
from gqn_rl.inference.ideal_observer.observer import IdealObserver
from gqn_rl.inference.ideal_observer.posterior import Posterior

__all__ = ["AnyPosterior", "Candidates", "GalleryObserver", "IdealObserver", "Posterior"]
