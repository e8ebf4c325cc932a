"""Spans on a tokenizer: the tokens of a text, the masks that transformers makes of them, and what it gets wrong."""
