"""Speed and stamina: ``python -m tests.bench`` prints ratios measured side by side, ``python -m tests.bench.soak`` runs for as long as it is told."""
