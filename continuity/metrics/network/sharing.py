"""How many patients each two providers share, and with whom each provider shares most."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, Unpack

import numpy as np
import polars as pl

from continuity.errors import UsageError
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.incidence import incidences, met
from continuity.metrics.engine.rules import RuleOptions
from continuity.metrics.network.inputs import Given


@dataclass(frozen=True, eq=False)
class Sharing:
    """The network of providers who share patients.

    Parameters
    ----------
    nodes : polars.DataFrame
        One row per provider, sorted by provider_id: provider_id, n_patients, n_visits (Int64) and, where known, role,
        team_id, unit_id. With ``level="team"`` or ``"unit"``, provider_id holds the team or unit.
    matrix : scipy.sparse.csr_array
        Providers by providers in the order of `nodes`: patients shared; on the diagonal the patients of the provider.
        Symmetric, Int64.
    n_patients : int
        Patients who saw a known provider.
    n_unknown_visits : int
        Visits left out because the provider is unknown.
    """

    nodes: pl.DataFrame
    matrix: Any
    n_patients: int
    n_unknown_visits: int

    @property
    def providers(self) -> pl.Series:
        """The ids of the providers, in the order of the matrix."""
        return self.nodes["provider_id"]

    def edges(self, min_shared: int = 1) -> pl.DataFrame:
        """Give the pairs of providers who share patients.

        Parameters
        ----------
        min_shared : int
            Leave out pairs who share fewer patients.

        Returns
        -------
        polars.DataFrame
            One row per pair, sorted: one, other (the places of the two in `nodes`, one < other), n_shared (Int64).
        """
        from scipy import sparse

        if isinstance(min_shared, bool) or not isinstance(min_shared, int) or min_shared < 1:
            raise UsageError(f"min_shared cannot be {min_shared!r}.", allowed="Allowed: a whole number from 1.")
        upper = sparse.triu(self.matrix, k=1).tocoo()
        pairs = {"one": upper.row.astype(np.int64), "other": upper.col.astype(np.int64), "n_shared": upper.data}
        return pl.DataFrame(pairs).filter(pl.col("n_shared") >= min_shared).sort("one", "other")

    def within(self, places: Sequence[int]) -> Self:
        """Give the network between some of the providers, by their places in `nodes`; counts stay the same."""
        rows = np.asarray(places, np.int64)
        return replace(self, nodes=self.nodes[rows], matrix=self.matrix[rows][:, rows].tocsr())

    def graph(self, min_shared: int = 1) -> Any:
        """Give the network as a networkx graph.

        Parameters
        ----------
        min_shared : int
            Leave out edges of fewer shared patients.

        Returns
        -------
        networkx.Graph
            Nodes are the provider ids, in order, with the other columns of `nodes` as attributes (those known);
            edges carry ``weight``, the number of shared patients.

        Examples
        --------
        >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2], "provider_id": ["A", "B", "A", "B"]})
        >>> sharing(visits.with_columns(visit_at=pl.date(2025, 1, 1))).graph().edges["A", "B"]["weight"]
        2
        """
        import networkx as nx

        graph, ids = nx.Graph(), self.providers
        for node in self.nodes.iter_rows(named=True):
            provider = node.pop("provider_id")
            graph.add_node(provider, **{name: value for name, value in node.items() if value is not None})
        edges = self.edges(min_shared)
        graph.add_weighted_edges_from(
            zip(ids.gather(edges["one"]), ids.gather(edges["other"]), edges["n_shared"], strict=True)
        )
        return graph


def sharing(
    visits: Any,
    *,
    window: w.WindowLike | None = None,
    providers: Any = None,
    preset: str | None = None,
    **rules: Unpack[RuleOptions],
) -> Sharing:
    """Count the patients whom each two providers share.

    Parameters
    ----------
    visits : frame
        Canonical visits, in any kind of frame that `continuity.compute` takes.
    window : tuple of two moments, optional
        One half-open window; without one, all visits.
    providers : frame, optional
        Canonical providers: their role, team and unit. What they do not say is taken from the visits.
    preset, **rules
        As in `continuity.compute`: level, same_day, unknown_codes and the filters. There is no least number of
        visits, and visits to unknown providers are left out and counted.

    Returns
    -------
    Sharing

    Raises
    ------
    UsageError
        Several windows, or a rule that a network has no use for.

    Notes
    -----
    With A the incidence of patients and providers (1 where they met), the matrix is AᵀA. Rows and columns are numbered
    apart, so an id may name a patient and a provider. All numbers are free of the order of the rows.

    Examples
    --------
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2, 3], "provider_id": ["A", "B", "A", "B", "B"]})
    >>> found = sharing(visits.with_columns(visit_at=pl.date(2025, 1, 1)))
    >>> found.providers.to_list(), found.matrix.todense().tolist()
    (['A', 'B'], [[2, 2], [2, 3]])
    """
    given = Given.of(visits, window, providers, preset, rules)
    if given.spans is not None and len(given.spans) != 1:
        raise UsageError("A network is that of one window.", next_step="Call sharing() once per window.")
    pairs, counts = pl.collect_all([met(given.visits()), given.visits().group_by("actor").agg(n=pl.len())])
    unknown = counts.filter(pl.col("actor").is_null())["n"].sum()
    return _of_pairs(given, pairs, counts.select("actor", n_visits=pl.col("n").cast(pl.Int64)), int(unknown))


def _of_pairs(given: Given, pairs: pl.DataFrame, counts: pl.DataFrame, n_unknown: int) -> Sharing:
    from scipy import sparse

    # The window of no visits has no incidence, and still a network: one without providers.
    incidence = next(incidences(pairs), None)
    matrix = sparse.csr_array((0, 0), dtype=np.int64) if incidence is None else incidence.shared()
    ids = pairs["actor"].unique().sort() if incidence is None else incidence.providers
    nodes = pl.DataFrame({"provider_id": ids, "n_patients": matrix.diagonal()})
    nodes = nodes.join(counts, left_on="provider_id", right_on="actor", how="left", maintain_order="left")
    if given.rules.level == "provider":
        nodes = nodes.join(given.staff().collect(), on="provider_id", how="left", maintain_order="left")
    return Sharing(nodes, matrix, 0 if incidence is None else incidence.patients.height, n_unknown)


def partners(sharing: Sharing, k: int = 5) -> pl.DataFrame:
    """Give the providers with whom each provider shares most patients.

    Parameters
    ----------
    sharing : Sharing
    k : int
        At most so many partners a provider; of partners with as many patients, those first in the order of ids.

    Returns
    -------
    polars.DataFrame
        One row per provider and partner, sorted by provider_id and rank: provider_id, partner_id, rank, n_shared
        (Int64), share (of the provider's patients, Float64; never null). A provider who shares nobody has no row.

    Examples
    --------
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2, 3], "provider_id": ["A", "B", "A", "B", "B"]})
    >>> found = sharing(visits.with_columns(visit_at=pl.date(2025, 1, 1)))
    >>> partners(found).select("provider_id", "partner_id", "n_shared", "share").rows()
    [('A', 'B', 2, 1.0), ('B', 'A', 2, 0.6666666666666666)]
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise UsageError(f"k cannot be {k!r}.", allowed="Allowed: a whole number from 1.")
    edges, ids = sharing.edges(), sharing.providers
    both = pl.concat([edges, edges.select(one="other", other="one", n_shared="n_shared")])
    best = both.sort("one", "n_shared", "other", descending=[False, True, False]).group_by("one", maintain_order=True)
    ranked = best.head(k).with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("one"))
    return ranked.select(
        provider_id=pl.lit(ids).gather(pl.col("one")),
        partner_id=pl.lit(ids).gather(pl.col("other")),
        rank="rank",
        n_shared="n_shared",
        share=pl.col("n_shared") / pl.lit(sharing.nodes["n_patients"]).gather(pl.col("one")),
    )
