"""Ship a proven patch to the Hub: a plan first, one atomic commit, read back and judged again."""

from templatefix.shipping.pushing import push

__all__ = ["push"]
