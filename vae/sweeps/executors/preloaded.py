"""What a run imports, imported once, by the fork server of the local executor.

None of it starts JAX's backend, which would not survive a fork. What there is in the end is taken
out of the garbage collector's sight: looking it through would copy its memory in every fork.
"""
# ruff: noqa: F401

import gc

import ml_collections.config_flags
import sklearn.datasets
import tensorboard.compat.proto.event_pb2
import tensorboard.summary.writer.record_writer

import vae.train

gc.collect()
gc.freeze()
