-- Every account × product line that ever held money, with numbers for the wide joins of retention: a whole number is
-- compared many times faster than an id. Families of one account have no number: nothing is capped across them.
with pairs as (
    select distinct account_id, product_line
    from {{ ref('int_money__line_months') }}
),

families as (
    select
        root_account_id,
        row_number() over (order by root_account_id) as family_number
    from {{ ref('int_company__accounts') }}
    group by root_account_id
    having count(*) > 1
)

select
    pairs.account_id,
    pairs.product_line,
    cast(dense_rank() over (order by pairs.account_id) as integer) as account_number,
    cast(dense_rank() over (order by pairs.product_line) as integer) as line_number,
    cast(families.family_number as integer) as family_number
from pairs
inner join {{ ref('int_company__accounts') }} as accounts
    on pairs.account_id = accounts.account_id
left join families
    on accounts.root_account_id = families.root_account_id
