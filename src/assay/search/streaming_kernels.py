"""The compiled loop of a search too large to keep."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from assay.compiled import compiled


@compiled
def absorb(position, score, out, strides, sizes, starts, cells, count, total, best, pairs, edges, histogram):
    """Add a block's points to the marginals, the maps of pairs and the histogram."""
    axes = len(sizes)
    index = np.zeros(axes, dtype=np.int64)
    for i in range(len(position)):
        if out[i]:
            continue
        s = score[i]
        low, high = 0, len(edges)
        while low < high:
            middle = (low + high) // 2
            if edges[middle] <= s:
                low = middle + 1
            else:
                high = middle
        histogram[low] += 1
        for a in range(axes):
            index[a] = (position[i] // strides[a]) % sizes[a]
            j = starts[a] + index[a]
            count[j] += 1
            total[j] += s
            best[j] = max(best[j], s)
        k = 0
        for a in range(axes):
            for b in range(a + 1, axes):
                cell = cells[k] + index[a] * sizes[b] + index[b]
                pairs[cell] = max(pairs[cell], s)
                k += 1
