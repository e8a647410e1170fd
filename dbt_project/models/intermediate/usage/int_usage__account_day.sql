-- The account of a user's events per local date and named values: the first of the company's ways that answers. With
-- user_membership an event that names none belongs to the account the user named last that date; on a date without
-- any, the latest one named before; else the first named after.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'}
) }}

with days as (
    select *
    from {{ ref('int_usage__named_day') }}
    where {{ rebuild_predicate('local_date', 'activity') }}
),

membership as (
    select min(position) as membership_position
    from {{ source('company', 'account_ways') }}
    where way = 'user_membership'
),

borrowing as (
    select distinct user_key, local_date
    from days
    where day_account_id is null
),

timeline as (
    select user_key, local_date, cast(null as varchar) as account_id
    from borrowing

    union all

    select distinct user_key, local_date, day_account_id as account_id
    from {{ ref('int_usage__named_day') }}
    where day_account_id is not null
        and user_key in (select user_key from borrowing)
),

borrowed as (
    select
        user_key,
        local_date,
        account_id as own_account_id,
        coalesce(
            last_value(account_id ignore nulls) over (
                partition by user_key order by local_date rows between unbounded preceding and current row
            ),
            first_value(account_id ignore nulls) over (
                partition by user_key order by local_date rows between current row and unbounded following
            )
        ) as account_id
    from timeline
),

answered as (
    select
        days.local_date,
        days.user_key,
        days.account_group,
        days.account_property,
        days.named_account_id,
        days.reason,
        case
            when membership.membership_position is not null then coalesce(days.day_account_id, borrowed.account_id)
        end as member_account_id,
        days.named_position is not null
        and days.named_position < coalesce(membership.membership_position, days.named_position + 1) as is_named_first
    from days
    cross join membership
    left join borrowed
        on days.user_key = borrowed.user_key
            and days.local_date = borrowed.local_date
            and borrowed.own_account_id is null
),

attributed as (
    select
        *,
        case
            when is_named_first then named_account_id
            else coalesce(member_account_id, named_account_id)
        end as account_id
    from answered
),

internal_users as (
    select distinct user_key
    from {{ ref('int_usage__named_day') }}
    where marks_internal
)

select
    local_date,
    user_key,
    account_group,
    account_property,
    coalesce(account_id, '') as account_id,
    case when account_id is null then reason end as reason,
    user_key in (select user_key from internal_users)
    or coalesce(
        account_id in (
            select accounts.account_id
            from {{ ref('stg_finance__accounts') }} as accounts
            where accounts.is_internal_test
        ),
        false
    ) as is_left_out
from attributed
order by local_date
