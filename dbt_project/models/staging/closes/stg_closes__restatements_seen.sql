-- The run that published each restatement first.
select
    month_start,
    close_number,
    account_id,
    product_line,
    currency,
    dimension,
    segment,
    cause,
    delta,
    arg_min(first_seen_run, position) as first_seen_run
from {{ source('closes', 'restatements_seen') }}
group by month_start, close_number, account_id, product_line, currency, dimension, segment, cause, delta
