"""Every key of a configuration, and every default."""

from __future__ import annotations

import ml_collections

from vae.config.values import Section


def base() -> ml_collections.ConfigDict:
    """Returns the configuration with every default, locked against unknown keys."""
    config = Section()
    config.seed = 0  # of the weights and the noise; the order of the data has data.seed

    config.data = data = Section()
    # Embedded: digits, faces; the tables wine, breast_cancer, or a class of one, wine:class_0. Any
    # other is an image dataset of tensorflow-datasets.
    data.name = "digits"
    # Local files instead of `name`: idx, .amat, .npz, a folder of images, a table as .csv.
    data.path = ""
    data.manual_dir = ""  # files downloaded by hand, for tensorflow-datasets to prepare from
    data.train = "train[:80%]"  # splits: a name and a slice, in examples or per cent
    data.valid = "train[80%:90%]"
    data.test = "train[90%:]"
    # Keeps all examples of a person together in one of the three: identity (of CelebA, or of
    # attributes.csv), label, or an attribute's name; "" splits by example.
    data.split_by = ""
    data.batch_size = 128  # over all devices
    data.seed = 0
    data.labelled = 0  # training examples that keep their label, evenly over classes; 0 keeps all
    # Height, width of the centre to cut out first, in pixels or in parts of the image's, as (148 /
    # 218, 148 / 178); (0, 0) cuts nothing.
    data.crop = (0, 0)
    data.image_size = (0, 0)  # height, width to resize to; (0, 0) keeps the source's
    data.channels = 0  # 1 grey, 3 colour; 0 keeps the source's
    data.binarize = "none"  # none, dynamic (a Bernoulli draw of the grey values at every visit)
    data.flip = False  # mirror at random, left to right
    data.dequantize = False  # add uniform noise of one level's width
    data.device_bytes = 2 * 1024**3  # a larger data set is read ahead from files by threads
    data.threads = 4

    config.model = model = Section()
    # vae; two_layer, ladder (hierarchical); vq, fsq (discrete latents); semi_supervised (examples
    # and labels); gan (decoder, prior and an adversary of examples).
    model.name = "vae"
    # none, label, attributes: what the model is told of an example. The decoder is given it; and
    # the origin of z depends on it, so that it is not found in z, see `models/origin.py`.
    model.condition = "none"
    # Whether the encoder is given it, too, as constant channels; many of them drown x.
    model.encoder_told = True
    model.encoder = "mlp"  # mlp, gated_mlp, conv, normalized_conv, resnet, grid (no dense layer)
    # Of the hidden layers; of the stride-2 convolutions; of the resolutions, that of x first.
    model.encoder_widths = (512,)
    # The same from z to x; or one that reads x value after value, beside z, as in a PixelVAE:
    # causal_transformer, lstm, gru, of the widths of its layers.
    model.decoder = "mlp"
    model.decoder_widths = (512,)
    model.blocks = 1  # layers, convolutions or residual blocks for each of these widths
    # relu, gelu, silu, tanh, softplus, leaky_relu; a gated_mlp has its gates instead.
    model.activation = "relu"
    # Numbers; of a categorical posterior variables; of a ladder, at each place of a group's grid;
    # of vq, of each code.
    model.latent_dim = 16
    model.top_dim = 16  # of two_layer: of the upper latent
    model.top_widths = (64,)  # of two_layer: of the networks between the two latents, from below
    # Of a ladder: latent groups on each grid, from the smallest up to the finest, each grid half as
    # high and wide as the next; as many as encoder_widths (which start with the finest grid's) and
    # decoder_widths (with the smallest's); `blocks` residual blocks for each group and path.
    model.groups = (1,)
    model.stem_stride = 1  # of a ladder: by which the finest grid is smaller than that of x
    # gaussian, full_gaussian, planar, sylvester, iaf, vmf, categorical; point (an autoencoder
    # without noise: no bounds).
    model.posterior = "gaussian"
    model.posterior_flows = 4  # transformations of a planar, sylvester or iaf posterior
    model.posterior_width = 64  # of the hidden layers, and the context, of an iaf posterior
    model.categories = 10  # of each variable of a categorical posterior or prior
    model.temperature = 0.5  # of a categorical posterior's relaxed samples in training
    model.straight_through = False  # rounds them to one-hot vectors, with the relaxed gradient
    # mixture, vamp, exemplar, conditional, coupling, maf; uniform_sphere is the prior of a vmf
    # posterior, uniform_categorical that of a categorical one.
    model.prior = "standard_normal"
    model.prior_components = 100  # of a mixture; examples that a vamp or exemplar prior is made of
    model.prior_flows = 4  # layers of a coupling or maf prior
    model.prior_widths = (128, 128)  # of the hidden layers in each of them
    # For values 0 and 1: bernoulli. For grey values: continuous_bernoulli, gaussian, laplace. For
    # levels: discretized_logistic, mixture_of_logistics, categorical. For counts: poisson,
    # negative_binomial. For tokens: categorical.
    model.likelihood = "bernoulli"
    # Of a gaussian, laplace or discretized_logistic: fixed, learned (one number), per_channel (one
    # for each), per_pixel (from the decoder), optimal (one number in closed form); per_channel and
    # optimal not of a discretized_logistic.
    model.scale = "learned"
    model.scale_init = 0.1  # in units of x; the value of a fixed scale
    model.likelihood_components = 10  # of a mixture_of_logistics
    model.output_bias = "data"  # the decoder's first mean: zeros (0.5), data (the mean example)
    model.regularizer = "none"  # of the decoder: none, l2, gradient_penalty
    model.regularizer_weight = 1e-3
    # none; images (a GAN's discriminator, of any examples), latents (q(z) against p(z), in the
    # place of the KL), factors (q(z) against the product of its marginals).
    model.adversary = "none"
    model.adversarial_weight = 1.0  # of what the model loses to it; factors: of total correlation
    model.discriminator_widths = (64, 128, 256)  # of its strided convolutions; of its dense layers
    model.gan_loss = "non_saturating"  # non_saturating, hinge
    model.r1_weight = 0.0  # of half the discriminator's squared slope at what is real
    model.spectral_norm = False  # of the discriminator's kernels
    model.similarity = False  # trains on the features of that discriminator, not on x
    # Beside the likelihood, of the mean of p(x | z), which is an image: none, ms_ssim, perceptual.
    model.image_loss = "none"
    model.image_loss_weight = 1.0  # times the number of values in x
    model.codebook_size = 512  # of vq
    model.commitment = 0.25  # of vq: weight of the distance from what is encoded to its code
    model.levels = (8, 5, 5, 5)  # of fsq: of each number of a code
    model.num_latents = 16  # of vq, fsq: codes of an example, where the encoder is not a grid
    model.transformer_width = 128  # of vq, fsq: of the prior
    model.transformer_layers = 2
    model.classification_weight = 10.0  # of semi_supervised, for each labelled example
    model.dtype = "float32"  # of the networks' arithmetic: float32, bfloat16

    config.objective = objective = Section()
    objective.name = "elbo"  # the table of vae/probability/objectives says what each one reads
    objective.num_samples = 1  # K
    objective.backward_samples = 0  # iwae, dreg: of K, drawn by weight for the gradient; 0: all
    objective.beta = 1.0  # of the KL, by objectives that have one; beta_tc: of the correlation
    objective.beta_schedule = "linear"  # linear, cosine; cyclical rises, holds as long, and again
    objective.beta_warmup_steps = 0  # beta rises from 0 over so many steps
    objective.free_bits = 0.0  # elbo: nats per latent dimension or group, on the batch mean
    objective.capacity = 25.0  # capacity: nats that the KL is drawn to
    objective.capacity_steps = 0  # they rise linearly from 0 over so many steps
    objective.groups = 1  # miwae, piwae: M groups of num_samples / M
    objective.ciwae_weight = 0.5  # ciwae: of the ELBO; the rest is of IWAE
    objective.mi_weight = 1.0  # beta_tc: of the mutual information of x and z
    objective.dimwise_weight = 1.0  # beta_tc: of the KL of each dimension
    objective.dip_diagonal = 10.0  # dip_i, dip_ii: of the squares of diagonal less 1
    objective.dip_off_diagonal = 10.0  # dip_i, dip_ii: of the squares off the diagonal
    objective.mmd_weight = 10.0  # info_vae, wae: lambda
    objective.alpha = 0.0  # info_vae: the KL counts 1 - alpha, the MMD alpha + mmd_weight - 1
    objective.kernel = "imq"  # info_vae, wae: rbf, imq

    config.optimizer = optimizer = Section()
    optimizer.name = "adam"  # adam, adamw; muon of the kernels, with adam of the rest
    optimizer.learning_rate = 1e-3
    optimizer.discriminator_learning_rate = 0.0  # 0 is that of the rest
    optimizer.schedule = "constant"  # constant, cosine, linear: to 0 at training.steps
    optimizer.warmup_steps = 0
    optimizer.b1 = 0.9
    optimizer.b2 = 0.999
    optimizer.eps = 1e-8
    optimizer.weight_decay = 0.0  # of adamw
    optimizer.clip_norm = 0.0  # of the global gradient norm; 0 does not clip
    optimizer.skip_norm = 0.0  # updates with a larger gradient norm are skipped; 0 skips none

    config.training = training = Section()
    training.steps = 1000
    training.steps_per_call = 1  # steps in one compiled call; on a CPU more pays for dense networks
    training.accumulate = 1  # micro-batches a step's gradient is averaged over
    training.shard_state = False  # spread weights and optimizer over the devices, see README
    training.pretrained = ""  # a run directory, whose (averaged) weights this one starts from
    training.ema_decay = 0.0  # of the averaged weights, which are then evaluated; 0 has none
    training.max_nonfinite = 20  # skipped updates in a row before going back to a checkpoint
    training.retry_scale = 0.3  # of the learning rate after going back

    config.evaluation = evaluation = Section()
    evaluation.every_steps = 1000  # on the validation set
    evaluation.batch_size = 250
    evaluation.num_samples = 100  # K of the test NLL
    evaluation.max_bytes = 8 * 1024**2  # decoded in one call: a CPU's cache; accelerators like more
    evaluation.seed = 0

    config.checkpoint = checkpoint = Section()
    # Besides, whenever valid/elbo is the best so far; 0 saves the end alone.
    checkpoint.every_steps = 1000
    checkpoint.max_to_keep = 2  # the latest; the best by valid/elbo is kept beside them

    config.log = log = Section()
    log.every_steps = 100
    log.images_every_steps = 1000  # steps between pictures of samples and reconstructions
    log.num_images = 64  # examples on each
    log.tensorboard = True
    return config.lock()
