"""The mathematics: densities, likelihoods, objectives, schedules. Pure functions of arrays.

Letters in shapes: `K` importance samples, `B` examples, `*places, C` the axes of one example (H, W
of an image) and its channels, `D` latent, `G` latent groups. All log-probabilities are in nats.
"""
