"""The mathematics: densities, likelihoods, objectives, schedules. Pure functions of arrays.

Letters in shapes: `K` importance samples, `B` examples, `H W C` image, `D` latent, `G` latent
groups. Every log-probability is in nats.
"""
