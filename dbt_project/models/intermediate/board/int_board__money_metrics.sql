-- The board's money. No event reaches it: it is computed anew only when money is.
{{ board_rows(ref('int_board__metric_periods')) }}
