"""Codes examples with a model, without loss, in about -ELBO bits.

A stack of bits (`stack.py`) is written by pushing a symbol with a probability p, which adds -log2 p
bits, and read by popping one, which removes as many. Popping from bits that are as good as random
draws a sample. So an example x is coded with its latents z ("bits back": Townsend, Bird and Barber,
"Practical lossless compression with latent variables using bits back coding", 2019):

    1. pop z ~ q(z | x)       -E[-log q(z | x)]
    2. push x given p(x | z)  +E[-log p(x | z)]
    3. push z given p(z)      +E[-log p(z)]           in all -ELBO

The reader undoes these in reverse: he pops z, then x, and pushes z back, given the q that he knows
from x. The bits that were there before the first example come back at the end, too.

| model       | order                                                                              |
|-------------|------------------------------------------------------------------------------------|
| one layer   | as above                                                                           |
| two layers  | "Bit-Swap" (Kingma, Abbeel and Ho, 2019): the q of z2 reads z1 alone, so x is      |
|             | pushed after z1 was popped, and z2 is popped from its bits                         |
| ladder      | the q of every group reads x: all groups are popped, the topmost first, then x and |
|             | the groups are pushed (Townsend et al., "HiLLoC", 2020)                            |
| quantized   | q is certain: x, then the codes, are pushed                                        |

Real latents are whole numbers of cells of a grid, `latents.py`. A causal decoder's values are coded
one by one, `emissions.py`.

Both sides need the same probabilities to the last bit. They call the same compiled functions, of
batches of one size, and a file has a digest of a batch of noise that was coded so (`codec.py`).
"""
