"""The packages: those below `vae`, and the experiments as `vae.experiments`; see pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["vae*"]), "vae.experiments"],
    package_dir={"vae.experiments": "experiments"},
)
