"""The best pairs of two sets of labels, each label in one pair at most. Knows nothing of what the numbers mean."""

from collections.abc import Mapping


def best_pairs(worth: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """{left: right}, no right twice, whose pairs are worth most together: maximum weight bipartite matching.

    worth: {(left, right): worth}; pairs that are missing or worth nothing are never taken. Whole numbers, so that ties
    are ties and no rounding can send a path round in a circle.
    Grows by the alternating path that gains most until none gains (Ahuja, Magnanti and Orlin 1993, section 12.4, where
    each path is found as in Bellman and Ford): a matching of k pairs that is the best of its size becomes the best of
    k + 1, and gains shrink from path to path. Cost: pairs x labels a path, at worst; labels are few.
    """
    edges = [(left, right, value) for (left, right), value in worth.items() if value > 0]
    taken: dict[str, str] = {}  # right: left
    while True:
        # what it gains to free a left label of its partner: nothing where it has none
        gain = {left: 0 for left, _, _ in edges if left not in taken.values()}
        reached: dict[str, int] = {}  # right: what is gained on the way to it
        came: dict[str, str] = {}  # right: the left label before it on that way
        grows = True
        while grows:
            grows = False
            for left, right, value in edges:
                if left not in gain or taken.get(right) == left:
                    continue
                found = gain[left] + value
                if right not in reached or found > reached[right]:
                    reached[right], came[right], grows = found, left, True
                    if right in taken:
                        gain[taken[right]] = found - worth[taken[right], right]
        ends = [right for right in reached if right not in taken and reached[right] > 0]
        if not ends:
            return {left: right for right, left in taken.items()}
        partner = {left: right for right, left in taken.items()}
        end: str | None = max(ends, key=lambda right: reached[right])
        while end is not None:
            left = came[end]
            taken[end], end = left, partner.get(left)
