-- The days of a month on which a user or an account used a scope, as bits, by the combination of segments it was in: a
-- user in that of each account the use was for. Users and accounts enter cohorts alike.
{{ config(materialized='view') }}

with uses as (
    select 'user' as unit, user_key as unit_key, month_start, scope_no, account_id, days
    from {{ ref('int_usage__known_scope_month') }}

    union all

    select 'account' as unit, account_id as unit_key, month_start, scope_no, account_id, bit_or(days) as days
    from {{ ref('int_usage__known_scope_month') }}
    where account_id <> ''
    group by month_start, scope_no, account_id
)

select
    uses.month_start,
    uses.unit,
    uses.unit_key,
    uses.scope_no,
    sets.segment_set,
    -- bits of the dates from valid_from up to the day before valid_to
    uses.days & (
        (cast(1 as bigint) << cast(least(sets.valid_to - uses.month_start, 31) as bigint))
        - (cast(1 as bigint) << cast(greatest(sets.valid_from - uses.month_start, 0) as bigint))
    ) as days
from uses
inner join {{ ref('int_usage__segment_sets') }} as sets
    on uses.account_id = sets.account_id
        and sets.valid_from < uses.month_start + 31
        and sets.valid_to > uses.month_start
