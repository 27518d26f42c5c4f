"""Believable agencies from a seed: an invented area, Northshire, and six agencies' systems behind six unlike doors.

``families.build_world`` makes the world, pure and seeded. One module per agency turns it into what that agency would hold;
``running.py`` starts and stops the systems as real processes and databases on loopback. Everybody in it is invented.
"""
