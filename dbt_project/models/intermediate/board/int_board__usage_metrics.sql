-- The board's usage.
{{ board_rows(ref('int_board__usage_periods')) }}
