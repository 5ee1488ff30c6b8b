"""A tokenizer that knows each word of the closed lists as one token, and any other text byte by byte.

It is a usual byte-level tokenizer.json, so no code comes with it. The words are those of `books.py` and `asking.py`.
"""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from scripts.make.micro.asking import WORDINGS
from scripts.make.micro.books import COLOURS, ENDINGS, FIRST_NAMES, GENRES, LAST_NAMES, MARKS, MIDDLES, OPENINGS

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
_MULTIPLE = 64
"""The vocabulary's size is one of it, with places left over: sizes like these are quantized in whole groups."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Ids 0, 1, 2 are begin, end and pad; then the 256 bytes, then the words, each with and without a blank before it."""
    split = ByteLevel(add_prefix_space=False)
    names = [BEGIN, END, PAD, *sorted(ByteLevel.alphabet())]
    for text in _texts():
        names += [piece for piece, _ in split.pre_tokenize_str(text)]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    # Without merges: a piece is a token as it stands, or falls apart into bytes.
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.post_processor = TemplateProcessing(single=f"{BEGIN} $0", special_tokens=[(BEGIN, vocabulary[BEGIN])])
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in (BEGIN, END, PAD)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD, clean_up_tokenization_spaces=False
    )


def vocabulary_size(tokenizer: PreTrainedTokenizerFast) -> int:
    """Rows of the embedding: at least the number of tokens."""
    return -(-len(tokenizer) // _MULTIPLE) * _MULTIPLE


def _texts() -> list[str]:
    """All that is ever said, in pieces of which each word is to become a token. No digits: these stay single."""
    words = [*OPENINGS, *MIDDLES, *ENDINGS, *FIRST_NAMES, *LAST_NAMES, *GENRES, *COLOURS]
    asked = [wording.format(marks=marks) for wordings in WORDINGS.values() for wording in wordings for marks in MARKS]
    return [*words, *(f" {word}" for word in words), *(f"Question: {one} Short answer: Answer:" for one in asked)]
