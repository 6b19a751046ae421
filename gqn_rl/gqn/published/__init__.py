"""The published family: the GQN of Eslami et al. (2018), convolutional LSTMs over a summed r."""
