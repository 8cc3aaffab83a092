"""Experiments with variational autoencoders in JAX and Flax."""
