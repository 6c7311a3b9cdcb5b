"""Speed of the sweep as ratios to baselines run beside it, each with an equality check. See docs/benchmarks.md."""
