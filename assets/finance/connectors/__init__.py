"""Finance tables from other systems. A connector lands the answer of a source as Parquet (``loads``); a reviewed
mapping turns it into tables of the contract, which are then read, judged and kept like delivered files."""
