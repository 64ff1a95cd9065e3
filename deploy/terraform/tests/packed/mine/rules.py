"""Stands for code of one's own."""
