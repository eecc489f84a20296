"""Specification limits: of process values alone, each a range, each product one that is made."""

from __future__ import annotations

from collections.abc import Iterator

from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import Limits, TagPattern

EXAMPLE = "{ lower = 35.0, upper = 55.0 }"


def spec_faults(draft: Draft) -> Iterator[Fault]:
    """Everything that is wrong with the limits of each entry of tags."""
    products = draft.products.known
    for key, pattern in draft.tags.entries:
        yield from _role_faults(key, pattern)
        if pattern.spec is not None:
            yield from _limit_faults(f"{key}.spec", pattern.spec)
        for code, limits in pattern.spec_of.items():
            at = f"{key}.spec_of.{code}"
            yield from _limit_faults(at, limits)
            if code not in products:
                expected = f"the code of a product; {nearest(code, products)}"
                example = f"spec_of = {{ {min(products, default='P')} = {EXAMPLE} }}"
                yield Fault(at, "", expected, example)


def _role_faults(key: str, pattern: TagPattern) -> Iterator[Fault]:
    for field in ("spec", "spec_of"):
        if pattern.role != "process" and getattr(pattern, field):
            expected = 'this key only with role = "process"; only process values have limits'
            yield Fault(f"{key}.{field}", "", expected, 'role = "process"')


def _limit_faults(key: str, limits: Limits) -> Iterator[Fault]:
    lower, upper = limits.lower, limits.upper
    if lower is None and upper is None:
        yield Fault(key, "{}", "a limit: lower, upper or both", f"spec = {EXAMPLE}")
    elif lower is not None and upper is not None and lower >= upper:
        expected = f"a limit under upper = {written(upper)}"
        yield Fault(f"{key}.lower", written(lower), expected, f"lower = {written(upper - 1)}")
