-- Which account the events of a user name, by group or user property, per local date; and whether they mark the user
-- as internal. A value that the identity map does not know is an answer too: it names nobody else's account.
{{ config(
    materialized='incremental', incremental_strategy='rebuild', on_schema_change='fail',
    meta={'rebuild_column': 'local_date', 'rebuild_layer': 'identity'}
) }}

with ways as (
    select
        min(case when way = 'event_group' then position end) as group_position,
        min(case when way = 'user_property' then position end) as property_position
    from {{ source('company', 'account_ways') }}
),

named as (
    select
        local_date,
        user_key,
        account_group,
        account_property,
        bool_or(is_internal) as is_internal,
        max(last_occurred_at) as last_occurred_at
    from {{ ref('int_usage__user_event_day') }}
    where {{ rebuild_predicate('local_date', 'identity') }}
    group by local_date, user_key, account_group, account_property
),

positioned as (
    select
        named.*,
        least(
            case when named.account_group <> '' then ways.group_position end,
            case when named.account_property <> '' then ways.property_position end
        ) as named_position,
        ways.group_position
    from named
    cross join ways
),

valued as (
    select
        *,
        case
            when named_position = group_position then account_group
            when named_position is not null then account_property
        end as named_value
    from positioned
),

known_values as (
    select distinct amplitude_value
    from {{ ref('stg_finance__identity_map') }}
),

resolved as (
    select
        valued.*,
        identity_map.account_id as named_account_id,
        case
            when valued.named_value is null then 'not_named'
            when identity_map.account_id is not null then null
            when known_values.amplitude_value is null then 'unknown_value'
            else 'outside_validity'
        end as reason
    from valued
    left join {{ ref('stg_finance__identity_map') }} as identity_map
        on valued.named_value = identity_map.amplitude_value
            and valued.local_date >= identity_map.valid_from
            and valued.local_date < identity_map.valid_to
    left join known_values
        on valued.named_value = known_values.amplitude_value
),

internal_accounts as (
    select value
    from {{ source('company', 'internal_rules') }}
    where kind = 'account'
)

select
    local_date,
    user_key,
    account_group,
    account_property,
    named_position,
    named_account_id,
    reason,
    -- the account the user named last on this date stands for the events of the date that name none
    first_value(named_account_id) over (
        partition by local_date, user_key
        order by
            case when named_account_id is null then 1 else 0 end,
            last_occurred_at desc,
            named_account_id
    ) as day_account_id,
    is_internal
    or coalesce(named_value in (select value from internal_accounts), false)
    or coalesce(named_account_id in (select value from internal_accounts), false) as marks_internal
from resolved
order by local_date
