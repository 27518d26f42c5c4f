"""Linkage on FEBRL, public made-up people: the native scorer beside Splink, and what it finds at no false link. See README.md."""
