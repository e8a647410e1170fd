-- Products by date: their own line, and whether they recur. The rows of a product follow each other; the first also
-- covers the time before it and the last the time after it, for contracts that outlive the catalogue.
select
    product_id,
    product_line,
    is_recurring,
    case
        when row_number() over (partition by product_id order by valid_from nulls first) = 1 then date '1900-01-01'
        else valid_from
    end as valid_from,
    lead(valid_from, 1, date '9999-12-31') over (partition by product_id order by valid_from nulls first) as valid_to
from {{ ref('stg_finance__products') }}
