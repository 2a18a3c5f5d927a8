"""How a read that a device refuses whole is divided; see seldom.py."""

from decode import BIT_FUNCTIONS, beside_size


def halves(profile, block):
    """Two smaller reads that give all that `block` gives and cut no value in two; None where there are none."""
    function, start, count = block
    bits = function in BIT_FUNCTIONS
    spans = []
    for row, _, offset, beside in profile.within(function, start, count):
        first, end = offset, offset + row[5]
        if beside is not None:
            first, end = min(first, beside), max(end, beside + beside_size(row))
        spans.append((first, end) if bits else (first // 2, end // 2))
    spans.sort()
    groups = []
    for first, end in spans:
        if groups and first < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(end, groups[-1][1]))
        else:
            groups.append((first, end))
    if len(groups) < 2:
        return None
    step = 1 if bits else profile.address_step
    half = len(groups) // 2
    return [(function, start + part[0][0] * step, part[-1][1] - part[0][0]) for part in (groups[:half], groups[half:])]
