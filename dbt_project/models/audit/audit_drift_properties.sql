-- Event properties whose values came with a type, within the last seven upload days, that they never had before. Properties
-- that always mix types show one for the first time too, rare events above all: a finding needs more than that chance.
with recent as (
    {{ drift_window() }}
),

typed as (
    select
        days.event_type,
        days.property,
        days.value_type,
        days.upload_day,
        days.events,
        days.upload_day >= recent.starts_on as is_recent
    from {{ source('amplitude', 'amplitude_property_days') }} as days
    inner join recent on days.upload_day <= recent.ends_on
),

former as (
    select
        event_type,
        property,
        list(distinct value_type) as value_types,
        sum(events) as events,
        string_agg(distinct value_type, ' or ' order by value_type) as types_before
    from typed
    where not is_recent
    group by event_type, property
),

changed as (
    select
        typed.event_type,
        typed.property,
        former.types_before,
        string_agg(distinct typed.value_type, ' and ' order by typed.value_type) as types_now,
        min(typed.upload_day) as first_seen
    from typed
    inner join former on typed.event_type = former.event_type and typed.property = former.property
    where typed.is_recent and not list_contains(former.value_types, typed.value_type)
    group by typed.event_type, typed.property, former.types_before
),

recently as (
    select
        event_type,
        property,
        cast(sum(events) as double) as events
    from typed
    where is_recent
    group by event_type, property
),

-- How much of the property has the new type since it came: all of it is a change, a little is a leak.
since as (
    select
        changed.event_type,
        changed.property,
        sum(case when list_contains(former.value_types, typed.value_type) then 0 else typed.events end) as changed_events,
        sum(typed.events) as events,
        -- of all events with the property, those of the last days are this share: that all of the new type fall there
        power(
            any_value(recently.events) / (any_value(former.events) + any_value(recently.events)),
            sum(case when list_contains(former.value_types, typed.value_type) then 0 else typed.events end)
        ) as chance
    from changed
    inner join former on changed.event_type = former.event_type and changed.property = former.property
    inner join recently on changed.event_type = recently.event_type and changed.property = recently.property
    inner join typed
        on changed.event_type = typed.event_type
            and changed.property = typed.property
            and typed.upload_day >= changed.first_seen
    group by changed.event_type, changed.property
),

owned as (
    select
        changed.event_type,
        changed.property,
        {{ drift_owner('rules') }} as owner
    from changed
    left join {{ ref('stg_company__feature_rules') }} as rules
        on changed.event_type like {{ glob_to_like('rules.event_type') }} escape '\'
            and (rules.property is null or rules.property = changed.property)
    group by changed.event_type, changed.property
)

select
    changed.event_type,
    changed.property,
    changed.types_before,
    changed.types_now,
    changed.first_seen,
    cast(since.changed_events as double) / since.events as changed_share,
    since.chance,
    owned.owner,
    'property ' || changed.property || ' of event ' || changed.event_type || ' changed from ' || changed.types_before
    || ' to ' || changed.types_now || ' on ' || cast(changed.first_seen as varchar) || ' ('
    || case
        when since.changed_events = since.events then 'every event'
        else greatest(1, cast(round(100.0 * since.changed_events / since.events) as integer)) || ' % of the events'
    end || ' since); owner: ' || owned.owner as drift
from changed
inner join since
    on changed.event_type = since.event_type
        and changed.property = since.property
        and since.chance < 0.001
inner join owned on changed.event_type = owned.event_type and changed.property = owned.property
