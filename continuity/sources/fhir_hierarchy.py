"""Encounters that are parts of others: which of them are visits, so that no visit is counted twice.

A palvelutapahtuma in Kanta may hold several encounters that point up to it by ``partOf``, or be a visit by itself.
"""

import polars as pl


def uncounted(encounters: pl.DataFrame) -> pl.Series:
    """Find the encounters that are no visits of their own.

    The lowest encounters with a known practitioner are visits. What stands above them is not, and neither is what
    stands below or beside them without a practitioner. Where no part has one, the topmost encounter is one visit.

    Parameters
    ----------
    encounters : polars.DataFrame
        Columns visit_id, part_of (null: of none), provider_id (null: unknown). Ids are unique.

    Returns
    -------
    polars.Series
        Ids.

    Examples
    --------
    >>> encounters = pl.DataFrame(
    ...     {"visit_id": ["whole", "a", "b"], "part_of": [None, "whole", "whole"], "provider_id": [None, "D", None]}
    ... )
    >>> uncounted(encounters).sort().to_list()
    ['b', 'whole']
    """
    found: list[pl.Series] = []
    if encounters["part_of"].null_count() == encounters.height:
        return pl.Series("id", [], pl.String)
    open_ = _related(encounters)
    while open_.height:
        leaves = open_.join(open_, left_on="id", right_on="parent", how="anti")
        if leaves.is_empty():  # a circle: none stands above the other
            leaves = open_.with_columns(parent=pl.lit(None, pl.String))
        counts = ~pl.col("covered") & (pl.col("known") | pl.col("parent").is_null())
        leaves = leaves.with_columns(counts=counts)
        found.append(leaves.filter(~pl.col("counts"))["id"])
        above = leaves.filter(pl.col("counts") | pl.col("covered")).select(id="parent").drop_nulls().unique()
        rest = open_.join(leaves, on="id", how="anti").join(above.with_columns(hit=True), on="id", how="left")
        open_ = rest.with_columns(covered=pl.col("covered") | pl.col("hit").fill_null(value=False)).drop("hit")
    return pl.concat(found) if found else pl.Series("id", [], pl.String)


def _related(encounters: pl.DataFrame) -> pl.DataFrame:
    """Give the encounters that are part of another or have parts; a parent that is not there is none."""
    nodes = encounters.select(
        id="visit_id", parent="part_of", known=pl.col("provider_id").is_not_null(), covered=pl.lit(value=False)
    )
    ids = nodes.select(parent="id", is_there=pl.lit(value=True))
    nodes = nodes.join(ids, on="parent", how="left").with_columns(parent=pl.when("is_there").then("parent"))
    parents = nodes.select(id="parent").drop_nulls().unique().with_columns(has_parts=pl.lit(value=True))
    nodes = nodes.join(parents, on="id", how="left")
    return nodes.filter(pl.col("parent").is_not_null() | pl.col("has_parts")).drop("is_there", "has_parts")
