"""Keys of the data."""

from vae.config.axes.sets import EMBEDDED
from vae.config.keys.key import Key, axis, settings
from vae.config.values import FLAG, PATH, POSITIVE, SEED, SIZE, SPLIT, Each, Real, Text, Whole

KEYS = {
    "data.name": Key(
        "digits",
        PATH,
        "The name of a data set, without data.path.\n"
        + "".join(f"{name}: {choice.about}\n" for name, choice in EMBEDDED.items())
        + '"module:Name": a function of your own that returns arrays.\n'
        "Any other name is an image data set of tensorflow-datasets.",
    ),
    "data.path": Key(
        "",
        PATH,
        "Local files, in place of data.name.\n"
        "idx files, .amat, .npz, .mat, images, recordings, videos or solids in a folder, a zip or "
        "a tar, a table as .csv, text as .txt, .csv or .tsv, or counts as .h5ad or .mtx.",
    ),
    "data.modality": axis("data.modality", "auto", "Which kind of data they are."),
    "data.manual_dir": Key(
        "",
        PATH,
        "A directory of files downloaded by hand.\n"
        "tensorflow-datasets prepares its data set from them.",
    ),
    "data.train": Key(
        "train[:80%]",
        SPLIT,
        "The training split: a name and a slice.\nSlices are in examples or per cent.",
    ),
    "data.valid": Key("train[80%:90%]", SPLIT, "The validation split."),
    "data.test": Key("train[90%:]", SPLIT, "The test split."),
    "data.split_by": Key(
        "",
        PATH,
        "Keeps examples that share it in one split.\n"
        "identity (of CelebA, attributes.csv or data.label_pattern), label, or the name of an "
        "attribute or a field; identity:sorted slices them in increasing order, where groups are "
        "shuffled otherwise; empty splits by example.",
    ),
    "data.label_pattern": Key(
        "",
        Text(200),
        "What the names of files say.\n"
        "{label}_{*}.png, {identity}/{*}.jpg, {age}_{sex}_{*}.jpg or "
        "{digit:label}_{speaker:label}_{*}.wav: a name other than label and identity is an "
        "attribute's, with :label that of several classes; empty takes folders as labels.",
    ),
    "data.text_column": Key(
        "",
        Text(200),
        "The column of a table that has texts.\nEmpty takes one named text or sentence.",
    ),
    "data.image_column": Key(
        "",
        Text(200),
        "The column of shards that has images.\nEmpty takes the only one, or that named image.",
    ),
    "data.label_column": Key(
        "label",
        Text(200),
        "The column that has the classes.\n"
        "For cells, texts and shards; without such a column they have no labels.",
    ),
    "data.covariates": Key(
        "",
        Text(2000),
        "Columns of cells or shards that are attributes.\n"
        "With commas between, in place of a class: a column of text is a field, batch=a; one of "
        "numbers an attribute.",
    ),
    "data.layer": Key(
        "",
        Text(200),
        "Which matrix of an .h5ad file has the counts.\nEmpty is X; raw; or the name of a layer.",
    ),
    "data.genes": Key(
        0,
        Whole(0, SIZE),
        "The genes that are kept: those that vary most.\n"
        "In the training set, as Seurat's third version finds them; 0 keeps all.",
    ),
    "data.unit": axis("data.unit", "line", "What an example of a .txt file is."),
    "data.tokens": axis("data.tokens", "words", "What a token is."),
    "data.vocabulary": Key(
        10_000,
        Whole(3, SIZE),
        "The most tokens that there are.\n"
        "The training set decides which. Two are the end of a text and the unknown word; bytes are "
        "258, and byte pairs no fewer.",
    ),
    "data.max_length": Key(
        0,
        Whole(0, SIZE),
        "The most tokens of an example, which is cut there.\n"
        "Its end counts; 0 takes the length of the longest training example.",
    ),
    "data.batch_size": Key(128, POSITIVE, "Examples in a batch, over all devices."),
    "data.seed": Key(0, Whole(0, SEED), "Decides the order of the training examples."),
    "data.labelled": Key(
        0,
        Whole(0),
        "Training examples that keep their label.\n"
        "They are spread evenly over classes; 0 keeps all.",
    ),
    "data.crop": Key(
        (0, 0),
        Each(Real(0, 2**16), 2, 2),
        "Height and width of the centre to cut out.\n"
        "In pixels, or as parts of the image, such as (148 / 218, 148 / 178). Cropping comes "
        "first; (0, 0) cuts nothing.",
    ),
    "data.image_size": Key(
        (0, 0),
        Each(Whole(0, 2**16), 2, 2),
        "Height and width to resize to, in pixels.\n(0, 0) keeps those of the source.",
    ),
    "data.channels": Key(
        0,
        Whole(0, 3),
        "Channels; 0 keeps those of the source.\n"
        "Images have 1 (grey) or 3 (colour), recordings 1 (mono) or 2 (stereo).",
    ),
    "data.representation": axis("data.representation", "log_mel", "What a recording becomes."),
    "data.sample_rate": Key(
        0,
        Whole(0, 2**20),
        "Samples a second to which recordings are resampled.\n0 takes the rate that most have.",
    ),
    "data.seconds": Key(
        0.0,
        Real(0, 3600),
        "The length of an example of sound.\n"
        "Longer recordings are cut; 0 takes the length of the longest training recording.",
    ),
    "data.padding": axis("data.padding", "mask", "What is after the end of a recording."),
    "data.mels": Key(64, Whole(1, 1024), "Bands of a mel spectrogram."),
    "data.window": Key(
        0,
        Whole(0, 2**16),
        "Samples of a window of the spectrogram.\n"
        "0 takes the power of two that is nearest to 50 ms, or four times data.hop.",
    ),
    "data.hop": Key(
        0,
        Whole(0, 2**16),
        "Samples from one spectrogram frame to the next.\n0 takes a quarter of a window.",
    ),
    "data.frames": Key(
        0,
        Whole(0, 2**16),
        "The most frames of a clip, which is cut there.\n"
        "0 takes those of the longest training clip.",
    ),
    "data.volume_size": Key(
        (0, 0, 0),
        Each(Whole(0, 2**12), 3, 3),
        "The size to resize solids to, in voxels.\n(0, 0, 0) keeps those of the source.",
    ),
    "data.binarize": axis("data.binarize", "none", "How grey values become 0 and 1."),
    "data.flip": Key(
        False,
        FLAG,
        "Mirrors training images left to right.\nEach is mirrored at random.",
    ),
    "data.dequantize": Key(False, FLAG, "Adds uniform noise as wide as one level."),
    "data.device_bytes": Key(
        2 * 1024**3,
        Whole(1, 2**60),
        "The largest data set kept on the devices.\n"
        "In bytes. Threads read a larger one ahead from its files.",
    ),
    "data.threads": Key(4, Whole(1, 256), "Threads that read ahead."),
    **settings("data.name"),
}
