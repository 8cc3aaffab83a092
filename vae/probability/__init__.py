"""The mathematics: densities, likelihoods, objectives, schedules. Pure functions of arrays.

Letters in shapes: `K` importance samples, `B` examples, `*places, C` the axes of one (H, W of an
image) and its channels, `D` latent, `G` latent groups. Every log-probability is in nats.
"""
