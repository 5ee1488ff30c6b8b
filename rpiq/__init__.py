"""4-bit quantization of language models; usable alone, without anything of the assistant."""
