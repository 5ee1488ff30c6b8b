"""Shared by several scripts: when an answer is right, how far words are from words, spoiled pictures, made covers."""
