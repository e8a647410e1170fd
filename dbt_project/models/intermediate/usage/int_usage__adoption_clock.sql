-- How long it took an account to use a feature, or how long it has been watched without: the clock starts at the latest
-- of launch, entitlement and the account's own beginning, and stops at first use, else at the end of the entitlement or
-- at the joint watermark. Use before the start is adoption on day 0.
with started as (
    select
        spells.account_id,
        spells.feature_key,
        greatest(spells.valid_from, features.launched_on, accounts.created_date, date '1900-01-01') as started_on,
        least(spells.valid_to - 1, watermarks.joint_watermark) as watched_until,
        watermarks.first_date
    from {{ ref('int_usage__clock_entitlements') }} as spells
    inner join {{ ref('dim_feature') }} as features on spells.feature_key = features.feature_key
    inner join {{ ref('int_company__accounts') }} as accounts on spells.account_id = accounts.account_id
    cross join {{ ref('int_usage__watermarks') }} as watermarks
),

-- the first spell in which there was something to adopt
clocks as (
    select
        account_id, feature_key,
        min(started_on) as started_on,
        arg_min(watched_until, started_on) as watched_until,
        min(first_date) as first_date
    from started
    where started_on <= watched_until
    group by account_id, feature_key
),

timed as (
    select
        clocks.*,
        first_use.first_date as first_used_on,
        coalesce(first_use.first_date <= clocks.watched_until, false) as is_adopted
    from clocks
    inner join {{ ref('int_usage__feature_scopes') }} as scopes
        on clocks.feature_key = scopes.scope_key
            and scopes.scope = 'feature'
    left join {{ ref('int_usage__first_use') }} as first_use
        on clocks.account_id = first_use.unit_key
            and scopes.scope_no = first_use.scope_no
            and first_use.unit = 'account'
)

select
    timed.account_id,
    timed.feature_key,
    sets.segment_set,
    timed.started_on,
    timed.watched_until,
    timed.first_used_on,
    timed.is_adopted,
    case
        when timed.is_adopted then greatest(timed.first_used_on - timed.started_on, 0)
        else timed.watched_until - timed.started_on
    end as observed_days,
    -- what happened before the first events cannot be known
    timed.started_on < timed.first_date as is_left_out
from timed
inner join {{ ref('int_usage__segment_sets') }} as sets
    on timed.account_id = sets.account_id
        and timed.started_on >= sets.valid_from
        and timed.started_on < sets.valid_to
