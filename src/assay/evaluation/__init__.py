"""One strategy on bars: the scores of many combinations, the replay of one, and the signal funnel."""
