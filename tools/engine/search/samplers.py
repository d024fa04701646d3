"""From the plan's strategy to an Optuna sampler."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from tools.core.config import Strategy

STARTUP = 8
POPULATION = 12


def make_sampler(strategy: Strategy, seed: int, n_earlier: int = 0) -> BaseSampler:
    """Build the sampler of a strategy; all start from the same first configurations.

    bayesian: multivariate TPE, grouped by which parameters occur together (the families), with a lie for running
    trials. multi_objective: the same over every goal by itself. evolutionary: NSGA-II with a population small enough
    for a few generations within minutes. random: independent draws. grid: random draws too, which only fill what a
    grid point leaves open.

    Args:
        strategy: How to search.
        seed: The experiment's.
        n_earlier: Trials of an interrupted run: going on with the same random numbers would draw them again.

    Source: Bergstra et al. (2011), section 4; Deb et al. (2002); several goals: Ozaki et al. (2020), section 4.
    """
    seed = int(np.random.SeedSequence([seed, n_earlier]).generate_state(1)[0])
    if strategy == "evolutionary":
        return NSGAIISampler(population_size=POPULATION, seed=seed)
    if strategy in ("random", "grid"):
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # `group`
        return TPESampler(multivariate=True, group=True, n_startup_trials=STARTUP, seed=seed)
