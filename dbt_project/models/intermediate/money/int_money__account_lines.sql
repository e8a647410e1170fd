-- Every account × product line that ever held money, with numbers for the wide joins of retention: a whole number is
-- compared many times faster than an id. A family has a number only where several of its accounts held money, in any
-- line or in the line: elsewhere there is nothing to cap together.
with pairs as (
    select
        account_id,
        product_line,
        count(distinct currency) > 1 as has_currencies
    from {{ ref('int_money__line_months') }}
    group by account_id, product_line
),

families as (
    select
        pairs.account_id,
        pairs.product_line,
        pairs.has_currencies,
        accounts.root_account_id,
        count(distinct pairs.account_id) over (partition by accounts.root_account_id) as family_accounts,
        count(*) over (partition by accounts.root_account_id, pairs.product_line) as line_family_accounts
    from pairs
    inner join {{ ref('int_company__accounts') }} as accounts
        on pairs.account_id = accounts.account_id
)

select
    account_id,
    product_line,
    cast(dense_rank() over (order by account_id) as integer) as account_number,
    cast(dense_rank() over (order by product_line) as integer) as line_number,
    case
        when family_accounts > 1 then cast(dense_rank() over (order by root_account_id) as integer)
    end as family_number,
    case
        when line_family_accounts > 1 then cast(dense_rank() over (order by root_account_id) as integer)
    end as line_family_number,
    has_currencies
from families
