"""A page on which a person moves a run's latents: what it asks, who answers, how it is served."""
