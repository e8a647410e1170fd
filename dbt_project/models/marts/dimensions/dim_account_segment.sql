-- Which segment an account was in, per lens dimension and interval.
select
    account_id,
    dimension,
    segment,
    valid_from,
    valid_to
from {{ ref('int_company__account_segments') }}
where not is_total
