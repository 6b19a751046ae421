"""The names of those who answer in the benchmark of mental rotation."""

IDEAL, INFERENCE, SIAMESE = "ideal observer", "GQN's inference", "Siamese ResNet-18"
