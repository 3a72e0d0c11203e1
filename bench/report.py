# SPDX-License-Identifier: Apache-2.0
"""The table of figures, with their limits."""

import statistics

AT_MOST, AT_LEAST = "at most", "at least"


def spread(samples):
    low, middle, high = (statistics.quantiles(samples, n=4, method="inclusive")
                         if len(samples) > 1 else samples * 3)
    named = {"min": min(samples), "lower quartile": low, "median": middle, "upper quartile": high,
             "max": max(samples), "samples": len(samples)}
    return {name: round(value, 3) for name, value in named.items()}


def ratio_of_neighbours(ours, references):
    """The median of ratios of samples taken one after the other: what slows the machine down for a while slows both."""
    return statistics.median(our / reference for our, reference in zip(ours, references, strict=True))


class NotHere(Exception):
    """What a benchmark needs is not there; what it needs."""


class Report:
    """The rows of the table."""

    def __init__(self):
        self.rows, self.benchmark = [], ""

    def samples(self, name, unit, samples):
        """A row with the median of samples. Return: it."""
        median = statistics.median(samples)
        self.add(name, median, unit, spread=spread(samples))
        return median

    def limited(self, name, value, unit, at, limit):
        good = value <= limit if at == AT_MOST else value >= limit
        bad = "over" if at == AT_MOST else "under"
        self.add(name, value, unit, at=at, limit=limit, verdict="ok" if good else bad)

    def add(self, name, value, unit, **more):
        self.rows.append({"benchmark": self.benchmark, "name": name, "value": round(value, 5),
                          "unit": unit, **more})

    def print(self):
        width = 2 + max((len(row["name"]) for row in self.rows), default=0)
        print(f"{'':{width}}  {'figure':>13}  {'least to most':>17}  limit")
        benchmark = None
        for row in self.rows:
            if row["benchmark"] != benchmark:
                benchmark = row["benchmark"]
                print(benchmark)
            print(self.line(row, width).rstrip())

    @staticmethod
    def line(row, width):
        digits = 0 if row["value"] == int(row["value"]) else 1
        if row["value"] < 10:
            digits *= 2 if row["value"] >= 0.1 else 4
        of = row.get("spread", {})
        ends = f"{of['min']:.1f} to {of['max']:.1f}" if of else ""
        limit = f"{row['at']} {row['limit']}" if "at" in row else ""
        return (f"{'  ' + row['name']:{width}}  {row['value']:8.{digits}f} {row['unit']:4}  "
                f"{ends:>17}  {limit:14}  {row.get('verdict', '')}")
