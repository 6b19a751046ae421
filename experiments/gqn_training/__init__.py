"""Pretraining of a GQN, as `pretrain_gqn` does it."""
