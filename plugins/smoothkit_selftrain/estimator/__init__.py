"""Self-training around any classifier of scikit-learn."""

from smoothkit_selftrain.estimator.self_training import SelfTraining as SelfTraining
