# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' quantities: "100m", "64Mi", "1e3"."""

from decimal import Decimal

SUFFIXES = {suffix: Decimal(1024) ** power for power, suffix in enumerate(["Ki", "Mi", "Gi", "Ti"], 1)}
SUFFIXES |= {suffix: Decimal(1000) ** power for power, suffix in enumerate(["k", "M", "G", "T"], 1)}
SUFFIXES |= {"m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9")}


def parse(value: str | int | float) -> Decimal:
    written = str(value)
    for suffix, factor in SUFFIXES.items():
        if written.endswith(suffix):
            return Decimal(written[:-len(suffix)]) * factor
    return Decimal(written)


def milli(value: str | int | float) -> int:
    return int((parse(value) * 1000).to_integral_value())
