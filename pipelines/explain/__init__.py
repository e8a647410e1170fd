"""Where a figure comes from: the published release read by cell and account, the contracts behind it beside."""
