"""De-facto teams: providers who share more patients than chance would have it, and how far the teams on paper agree."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.metrics.network.sharing import Sharing
from continuity.schema import conform
from continuity.vocabulary import Reason

_COMMUNITY: Final = {"place": pl.Int64, "community": pl.Int64}


def communities(sharing: Sharing, *, seed: int = 1, resolution: float = 1.0, min_shared: int = 1) -> pl.DataFrame:
    """Find the groups of providers who share patients: teams as they are, not as they are named.

    Parameters
    ----------
    sharing : Sharing
    seed : int
        The method visits the providers in a random order; the same seed gives the same groups, whatever the order of
        the rows of the visits.
    resolution : float
        Above 1 smaller groups, below 1 larger ones.
    min_shared : int
        Take no notice of pairs who share fewer patients.

    Returns
    -------
    polars.DataFrame
        One row per provider, sorted by provider_id: provider_id, community (Int64 from 1, the largest first, then that
        with the first provider; never null). A provider who shares nobody is a community alone.

    Notes
    -----
    Louvain's greedy maximum of the modularity of the graph whose weights are shared patients. Groups are those of the
    data, not of nature: compare several seeds before a group is called a team.

    References
    ----------
    Blondel, Guillaume, Lambiotte & Lefebvre 2008, J Stat Mech P10008, doi:10.1088/1742-5468/2008/10/P10008.

    Examples
    --------
    >>> from continuity.metrics.network import sharing
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2, 3, 3], "provider_id": ["A", "B", "A", "B", "C", "D"]})
    >>> communities(sharing(visits.with_columns(visit_at=pl.date(2025, 1, 1)))).rows()
    [('A', 1), ('B', 1), ('C', 2), ('D', 2)]
    """
    import networkx as nx

    if not resolution > 0:
        raise UsageError(f"resolution cannot be {resolution!r}.", allowed="Allowed: a number above 0.")
    # Nodes are numbers here: the order of a set of texts changes from one run of Python to the next.
    graph = numbered_graph(sharing, min_shared)
    found = nx.community.louvain_communities(graph, weight="weight", resolution=resolution, seed=seed)
    groups = sorted((sorted(group) for group in found), key=lambda group: (-len(group), group[0]))
    rows = [(place, number) for number, group in enumerate(groups, start=1) for place in group]
    numbers = pl.DataFrame(rows, schema=_COMMUNITY, orient="row").sort("place")
    return pl.DataFrame({"provider_id": sharing.providers, "community": numbers["community"]})


def numbered_graph(sharing: Sharing, min_shared: int) -> Any:
    """Give the network with the places of the providers in `Sharing.nodes` as its nodes."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(sharing.nodes.height))
    graph.add_weighted_edges_from(sharing.edges(min_shared).iter_rows())
    return graph


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far the communities agree with the teams on paper.

    Parameters
    ----------
    adjusted_rand : float or None
        1 when both divide the providers alike, 0 on average by chance; it can be below 0.
    normalised_mutual_information : float or None
        0 to 1; not adjusted for chance, so it grows with the number of groups.
    undefined_reason : str or None
        Why both are None: ``single_provider`` with fewer than two providers who have a community and a team,
        ``no_variation`` when both put all providers into one group, or each into one of their own.
    n_providers, n_without_team : int
        Providers compared; those of the communities without a team on paper, who are left out.
    table : polars.DataFrame
        The cross table, one row per team and community that meet: team_id, community, n_providers (Int64).
    """

    adjusted_rand: float | None
    normalised_mutual_information: float | None
    undefined_reason: Reason | None
    n_providers: int
    n_without_team: int
    table: pl.DataFrame


def compare_teams(communities: pl.DataFrame, providers: Any) -> Agreement:
    """Compare the communities with the teams on paper.

    Parameters
    ----------
    communities : polars.DataFrame
        As `communities` gives them.
    providers : frame
        Canonical providers with team_id.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        The providers have no teams.

    References
    ----------
    Hubert & Arabie 1985, J Classif 2:193, doi:10.1007/BF01908075 (adjusted Rand index).

    Examples
    --------
    >>> found = pl.DataFrame({"provider_id": ["A", "B", "C", "D"], "community": [1, 1, 2, 2]})
    >>> paper = pl.DataFrame({"provider_id": ["A", "B", "C", "D"], "team_id": ["T1", "T1", "T2", "T2"]})
    >>> compare_teams(found, paper).adjusted_rand
    1.0
    """
    teams = conform(edge.lazily(providers)[0], "providers", where="providers").collect()
    if "team_id" not in teams.columns:
        raise InputError.missing_columns(["team_id"], teams.columns, "the providers")
    like = communities.schema["provider_id"]
    paper = teams.select(pl.col("provider_id").cast(like, strict=False), "team_id").sort("provider_id", "team_id")
    paper = paper.drop_nulls().unique("provider_id", keep="first", maintain_order=True)
    both = communities.join(paper, on="provider_id").sort("provider_id")
    reason = _why_undefined(both)
    rand, information = (None, None) if reason else _scores(both)
    table = both.group_by("team_id", "community").agg(n_providers=pl.len().cast(pl.Int64)).sort("team_id", "community")
    return Agreement(rand, information, reason, both.height, communities.height - both.height, table)


def _why_undefined(both: pl.DataFrame) -> Reason | None:
    if both.height < 2:
        return "single_provider"
    sizes = {both["team_id"].n_unique(), both["community"].n_unique()}
    return "no_variation" if sizes in ({1}, {both.height}) else None


def _scores(both: pl.DataFrame) -> tuple[float, float]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    paper, found = both["team_id"].rank("dense").to_numpy(), both["community"].to_numpy()
    return float(adjusted_rand_score(paper, found)), float(normalized_mutual_info_score(paper, found))
