"""The ideal observer as a strategy: what an agent could know, and where it had best look."""

from experiments.agent.ideal.answering import IdealAgent
from experiments.agent.ideal.hypotheses import turned_and_mirrored
from experiments.agent.ideal.making import ideal_agent, ideal_views

__all__ = ["IdealAgent", "ideal_agent", "ideal_views", "turned_and_mirrored"]
