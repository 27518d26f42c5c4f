"""The portal: decides, asks, merges, logs, answers. It keeps nothing about a child."""
