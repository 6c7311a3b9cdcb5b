"""Thresholds as bitsets: which rows pass each level of each axis of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.engine import sweep_kernels
from assay.engine.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from assay.engine.rules import AnyRule, Vote
    from assay.parameters import Value

    Features = Mapping[str, NDArray[np.float64]]
    Levels = Sequence[Mapping[str, Value]]


def _packed(masks: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack masks of shape (m, n) into (m, words); bit i of word w is row 64 w + i."""
    count, n = masks.shape
    padded = np.zeros((count, -(-max(n, 1) // 64) * 64), dtype=np.bool_)
    padded[:, :n] = masks
    words: NDArray[np.uint64] = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
    return words


def unpacked(words: NDArray[np.uint64], n: int) -> NDArray[np.int64]:
    """Return the rows of one bitset."""
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little", count=n))


def _distinct(rule: Rule, levels: Levels) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the numbers that a rule is asked with, shape (m, 1), and which of them each level asks for."""
    found, index = np.unique([rule.number(values) for values in levels], return_inverse=True)
    return found[:, None], index.ravel()


def loosest(rules: Sequence[AnyRule], features: Features, levels: Levels, n: int) -> NDArray[np.bool_]:
    """Which of n rows could pass the rules of an axis at any of its levels; the others need not be kept."""
    kept = np.ones(n, dtype=np.bool_)
    for rule in rules:
        if isinstance(rule, Rule):
            kept &= _at_any(rule, features, levels)
        else:
            met = sum(weight * _at_any(r, features, levels).astype(np.int64) for weight, r in rule.conditions)
            kept &= np.asarray(met) >= min(rule.hundredths(values) for values in levels)
    return kept


def _at_any(rule: Rule, features: Features, levels: Levels) -> NDArray[np.bool_]:
    limits = _distinct(rule, levels)[0]
    if rule.comparison == "at_least":
        return rule.compare(features, limits[0, 0])
    if rule.comparison == "at_most":
        return rule.compare(features, limits[-1, 0])
    return np.asarray(rule.compare(features, limits).any(axis=0))


def words_of_axis(rules: Sequence[AnyRule], features: Features, levels: Levels, n: int) -> NDArray[np.uint64]:
    """Return the rows that pass all rules of an axis at each of its levels, uint64 of shape (levels, words)."""
    everything = _packed(np.ones((1, n), dtype=np.bool_))
    words = np.repeat(everything, len(levels), axis=0)
    for rule in rules:
        words &= _of_rule(rule, features, levels) if isinstance(rule, Rule) else _of_vote(rule, features, levels, n)
    return words


def _of_rule(rule: Rule, features: Features, levels: Levels) -> NDArray[np.uint64]:
    limits, index = _distinct(rule, levels)
    return _packed(rule.compare(features, limits))[index]


def _of_vote(rule: Vote, features: Features, levels: Levels, n: int) -> NDArray[np.uint64]:
    conditions, choices, begin = [], [], 0
    for _, condition in rule.conditions:
        limits, index = _distinct(condition, levels)
        conditions.append(_packed(condition.compare(features, limits)))
        choices.append(index + begin)
        begin += len(limits)
    thresholds, which = np.unique([rule.hundredths(values) for values in levels], return_inverse=True)
    per_threshold = [rule.minimal_subsets(t) for t in thresholds.tolist()]
    stops = np.cumsum([len(found) for found in per_threshold])
    starts = np.stack([stops - [len(found) for found in per_threshold], stops], axis=1)
    subsets = np.zeros((int(stops[-1]), len(rule.conditions)), dtype=np.bool_)
    for s, subset in enumerate(subset for found in per_threshold for subset in found):
        subsets[s, list(subset)] = True
    out = np.empty((len(levels), -(-max(n, 1) // 64)), dtype=np.uint64)
    sweep_kernels.vote(
        _packed(np.ones((1, n), dtype=np.bool_))[0],
        np.concatenate(conditions),
        np.stack(choices, axis=1),
        subsets,
        np.ascontiguousarray(starts[which.ravel()]),
        out,
    )
    return out
