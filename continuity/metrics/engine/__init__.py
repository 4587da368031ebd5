"""From visits to sufficient statistics to indices: the rules, in the order in which they apply."""
