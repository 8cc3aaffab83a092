"""Keys of the model."""

from vae.config.keys.key import Key, axis, settings
from vae.config.values import (
    ABOVE_ZERO,
    BELOW_ONE,
    DEPTH,
    FLAG,
    LAYERS,
    SIZE,
    SOME,
    STEPS,
    WEIGHT,
    WIDTHS,
    Each,
    Real,
    Whole,
)

KEYS = {
    "model.name": axis("model.name", "vae", "The kind of model."),
    "model.condition": axis(
        "model.condition",
        "none",
        "What the model is conditioned on.\n"
        "The decoder is given it, and the origin of z depends on it, so that z need not hold "
        "it.",
    ),
    "model.encoder_told": Key(
        True,
        FLAG,
        "Gives the encoder the condition, too.\n"
        "It comes as constant channels; many of them drown x.",
    ),
    "model.decoder_told": Key(
        True,
        FLAG,
        "Gives the decoder the condition.\n"
        "The origin of z then depends on it, too. Without, the prior alone does.",
    ),
    "model.encoder": axis("model.encoder", "mlp", "The network from x to q(z | x)."),
    "model.encoder_widths": Key(
        (512,),
        WIDTHS,
        "Widths of the encoder, from x to z.\n"
        "mlp, gated_mlp: width of each hidden layer.\n"
        "conv, normalized_conv: channels of each convolution of stride 2.\n"
        "resnet, grid, spatial, ladder: channels at each resolution.\n"
        "lstm, transformer: width of each layer.",
    ),
    "model.stem": axis("model.stem", "none", "What the encoder's first layer reads of x."),
    "model.decoder": axis(
        "model.decoder",
        "mlp",
        "The network from z to p(x | z).\n"
        "A decoder that also reads x value after value makes a PixelVAE.",
    ),
    "model.decoder_widths": Key(
        (512,),
        WIDTHS,
        "Widths of the decoder, from z to x.\n"
        "Each means the same as in the encoder.\n"
        "causal_transformer, lstm, gru: width of each layer.\n"
        "wavenet: channels of each convolution, with dilations 1, 2, 4, ...",
    ),
    "model.dropout": Key(
        0.0,
        Real(0, BELOW_ONE),
        "The share dropped around the decoder's layers.\n"
        "In training alone, and the same ones at all positions of an example.",
    ),
    "model.word_dropout": Key(
        0.0,
        Real(0, BELOW_ONE),
        "The share of values the decoder does not read.\n"
        "In training alone; what it cannot read has to come from z.",
    ),
    "model.tied_embeddings": Key(
        False,
        FLAG,
        "Reads and answers values by one table.\n"
        "The first and the last of decoder_widths must be equal.",
    ),
    "model.latent_input": axis(
        "model.latent_input", "everywhere", "Where a decoder that reads x is given z."
    ),
    "model.blocks": Key(
        1,
        DEPTH,
        "Blocks for each of the widths.\n"
        "mlp, gated_mlp: hidden layers.\n"
        "conv, normalized_conv: convolutions.\n"
        "resnet, spatial: residual blocks.\n"
        "grid: convolutions.\n"
        "ladder: residual blocks for each group and path.\n"
        "wavenet: stacks of convolutions, each with all dilations.",
    ),
    "model.activation": axis(
        "model.activation",
        "relu",
        "The activation of hidden layers.\nA gated_mlp has its gates instead.",
    ),
    "model.latent_dim": Key(
        16,
        SOME,
        "The size of z.\n"
        "vae, semi_supervised: numbers in z; variables in it where model.posterior is "
        "categorical.\n"
        "two_layer: numbers in the lower z.\n"
        "ladder: numbers at each position of a group's grid.\n"
        "vq: numbers in each code.",
    ),
    "model.latent_channels": Key(
        0,
        Whole(0, SIZE),
        "Numbers of z at each place of its grid.\n"
        "With 0, model.latent_dim says how many numbers z has. Networks without dense layers, "
        "grid and spatial, have one.",
    ),
    "model.static_channels": Key(
        0,
        Whole(0, SIZE),
        "How many of latent_channels all frames share.\n"
        "They are read from the first frame; the prior's dynamics are of the others.",
    ),
    "model.top_dim": Key(16, SOME, "Numbers in the upper z of two layers."),
    "model.top_widths": Key(
        (64,),
        WIDTHS,
        "Hidden widths between the two layers.\nFrom the lower z to the upper.",
    ),
    "model.groups": Key(
        (1,),
        Each(Whole(0, LAYERS)),
        "Groups of latents on each grid of a ladder.\n"
        "From the smallest grid to the finest; each grid is half as high and wide as the "
        "next.\n"
        "There are as many as encoder_widths, which start with the finest grid, and "
        "decoder_widths, which start with the smallest.",
    ),
    "model.stem_stride": Key(
        1,
        SOME,
        "How much smaller than x the finest grid is.\n"
        "Along each axis. spatial: 2 makes the layers at the size of x cheap.",
    ),
    "model.posterior": axis("model.posterior", "gaussian", "The family of q(z | x)."),
    "model.posterior_flows": Key(
        4,
        DEPTH,
        "Transformations of the posterior.\n"
        "hamiltonian, riemannian_hamiltonian: leapfrog steps, each a pass through the decoder and "
        "back.",
    ),
    "model.posterior_width": Key(64, SOME, "Width of the flows' context and hidden layers."),
    "model.posterior_scale": Key(
        0.5,
        ABOVE_ZERO,
        "The spread of normalised means.\n"
        "It is their standard deviation over a batch, gamma. "
        "With a prior N(0, I) and D latents the KL of a batch is at least D / 2 times its square.",
    ),
    "model.curvature": Key(
        1.0,
        ABOVE_ZERO,
        "How curved the Poincare ball is, c.\nIts curvature is -c, its radius 1 / sqrt(c).",
    ),
    "model.categories": Key(10, SOME, "Values of each one-hot variable."),
    "model.temperature": Key(0.5, ABOVE_ZERO, "Temperature of relaxed samples in training."),
    "model.straight_through": Key(
        False,
        FLAG,
        "Rounds relaxed samples to one-hot vectors.\nTheir gradient stays the relaxed one.",
    ),
    "model.prior": axis(
        "model.prior",
        "standard_normal",
        "The family of p(z).\n"
        "In a ladder that of the topmost group, measured from its mean in its deviations.\n"
        "Posterior and prior lie in one space: vmf goes with uniform_sphere, categorical "
        "with uniform_categorical, and wrapped_normal or riemannian_normal with either of both.",
    ),
    "model.prior_components": Key(
        100,
        SOME,
        "Components of the prior.\n"
        "mixture: Gaussians.\n"
        "vamp: learned examples.\n"
        "exemplar: training examples.",
    ),
    "model.prior_flows": Key(4, DEPTH, "Layers of the prior's flow."),
    "model.prior_widths": Key(
        (128, 128),
        WIDTHS,
        "Widths of the prior's networks.\n"
        "coupling, maf: hidden widths of each layer's network.\n"
        "diffusion, flow_matching: channels at each resolution of a U-Net, each half the one "
        "before; hidden widths where z is one vector.\n"
        "linear_dynamics: the first is how many numbers the state has.\n"
        "recurrent: widths of the layers.",
    ),
    "model.prior_blocks": Key(2, DEPTH, "Residual blocks for each of prior_widths."),
    "model.likelihood": axis(
        "model.likelihood", "bernoulli", "The family of p(x | z), by the kind of values."
    ),
    "model.scale": axis("model.scale", "learned", "Where the scale of the likelihood comes from."),
    "model.scale_init": Key(
        0.1,
        ABOVE_ZERO,
        "The scale before training, in units of x.\nfixed: the scale throughout.",
    ),
    "model.library": axis("model.library", "none", "What the size of a row of counts is."),
    "model.dispersion": axis(
        "model.dispersion", "per_value", "Where the dispersion of counts comes from."
    ),
    "model.likelihood_components": Key(10, SOME, "Logistics in the mixture."),
    "model.output_bias": axis("model.output_bias", "data", "The decoder's mean before training."),
    "model.regularizer": axis("model.regularizer", "none", "What keeps the decoder smooth."),
    "model.regularizer_weight": Key(1e-3, WEIGHT, "The weight of the regulariser."),
    "model.adversary": axis("model.adversary", "none", "A network trained against the model."),
    "model.adversarial_weight": Key(
        1.0,
        WEIGHT,
        "The weight of the adversarial loss.\nfactors: the weight of the total correlation.",
    ),
    "model.adversarial_start": Key(
        0,
        STEPS,
        "Updates before the adversary takes part.\n"
        "Until then its losses are 0, though they are computed: a first run without it, named as "
        "training.pretrained, is faster.",
    ),
    "model.adversarial_balance": Key(
        False,
        FLAG,
        "Scales the adversary's gradient to the rest.\n"
        "Where both meet, at the decoder's outputs, adversarial_weight is the ratio of their norms "
        "over a batch.",
    ),
    "model.discriminator_widths": Key(
        (64, 128, 256),
        WIDTHS,
        "Widths of the adversary.\n"
        "images, patches: channels of each convolution of stride 2.\n"
        "latents, factors: width of each hidden layer.",
    ),
    "model.gan_loss": axis("model.gan_loss", "non_saturating", "The losses of both players."),
    "model.r1_weight": Key(
        0.0,
        WEIGHT,
        "The weight of the R1 penalty.\n"
        "The penalty is half the discriminator's squared slope at real examples.",
    ),
    "model.spectral_norm": Key(
        False,
        FLAG,
        "Divides kernels by their spectral norm.\nThe kernels are the discriminator's.",
    ),
    "model.similarity": Key(
        False,
        FLAG,
        "Trains on features instead of x.\nThe features are the discriminator's.",
    ),
    "model.image_loss": axis(
        "model.image_loss",
        "none",
        "A loss of an image beside the likelihood.\nThe image is the mean of p(x | z).",
    ),
    "model.image_loss_weight": Key(
        1.0,
        WEIGHT,
        "The weight of the image loss.\nIt is multiplied by the number of values in x.",
    ),
    "model.codebook_size": Key(512, SOME, "Codes in the codebook."),
    "model.commitment": Key(
        0.25,
        WEIGHT,
        "The weight of the commitment loss.\n"
        "It is the squared distance from the encoder's vectors to their nearest codes.",
    ),
    "model.levels": Key((8, 5, 5, 5), Each(Whole(2, SIZE), 1), "Levels of each number of a code."),
    "model.num_latents": Key(
        16,
        SOME,
        "Codes of an example.\nA grid encoder has as many as its grid has positions instead.",
    ),
    "model.transformer_width": Key(128, SOME, "Width of the prior over codes."),
    "model.transformer_layers": Key(2, DEPTH, "Layers of the prior over codes."),
    "model.classification_weight": Key(
        10.0,
        WEIGHT,
        "The weight of the classifier's loss.\nThe loss is that of each labelled example.",
    ),
    "model.dtype": axis("model.dtype", "float32", "The arithmetic of the networks."),
    "model.remat": Key(
        False,
        FLAG,
        "Computes blocks again for the gradient.\n"
        "It saves an accelerator's memory, and costs up to a third more time. On a CPU it saves "
        "none.",
    ),
    **settings(
        "model.name",
        "model.encoder",
        "model.decoder",
        "model.posterior",
        "model.prior",
        "model.likelihood",
        "model.regularizer",
        "model.adversary",
        "model.image_loss",
    ),
}
