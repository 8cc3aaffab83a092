"""Shards: examples in a few large files, which together may be larger than memory.

| files                            | a record is                                | read            |
|----------------------------------|--------------------------------------------|-----------------|
| .parquet                         | a row                                      | by row group    |
| .array_record                    | a tf.train.Example, or an image file alone | by itself       |
| .tar (WebDataset)                | the members of one key: 17.jpg, 17.cls     | by itself       |

Records are named columns of contents (image files, .npy arrays), numbers or short texts. A path is
one file or a directory; files in folders train, valid and test, or with these words in their names
(train-00000-of-00100.parquet), are splits.

A base split is in the order of a hash of each record's file and number, so that a slice of it is a
random sample; of formats that are read by blocks whole blocks are, and the rows inside.
"""
