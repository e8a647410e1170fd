-- What deduplication and identity did, month by month on the company's clock: of the upload hour for repeats, of the
-- merge for merges, of the event for events.
with hours as (
    select
        cast({{ dbt.date_trunc('month', to_company_time('upload_hour')) }} as date) as month_start,
        coalesce(records, 0) as records,
        coalesce(duplicates, 0) - coalesce(insert_id_duplicates, 0) as uuid_duplicates,
        coalesce(insert_id_duplicates, 0) as insert_id_duplicates,
        coalesce(late_resends, 0) as late_resends
    from {{ source('amplitude', 'amplitude_hours') }}
),

merges as (
    select
        cast({{ dbt.date_trunc('month', to_company_time('merged_at')) }} as date) as month_start,
        verdict
    from {{ source('amplitude', 'amplitude_merge_facts') }}
),

-- ids that two or more user ids are known by: no anonymous event is given to any of them on that account
disputed_ids as (
    select
        coalesce(survivors.survivor, days.amplitude_id) as merged_id,
        cast({{ dbt.date_trunc('month', 'max(days.local_date)') }} as date) as month_start
    from {{ ref('int_usage__identity_day') }} as days
    left join {{ source('amplitude', 'amplitude_merges') }} as survivors on days.amplitude_id = survivors.amplitude_id
    where days.user_id is not null
        and days.amplitude_id is not null
    group by coalesce(survivors.survivor, days.amplitude_id)
    having min(days.user_id) <> max(days.user_id)
),

events as (
    select
        cast({{ dbt.date_trunc('month', 'days.local_date') }} as date) as month_start,
        case when days.user_id is null then resolved.resolved_by end as resolved_by,
        days.events
    from {{ ref('int_usage__identity_day') }} as days
    left join {{ ref('int_usage__anonymous_day') }} as resolved
        on days.local_date = resolved.local_date
            and days.amplitude_id is not distinct from resolved.amplitude_id
            and days.device_id is not distinct from resolved.device_id
            and days.device_user_id is not distinct from resolved.device_user_id
),

{% set figures = {
    'hours': {
        'records': 'sum(records)', 'uuid_duplicates': 'sum(uuid_duplicates)',
        'insert_id_duplicates': 'sum(insert_id_duplicates)', 'late_resends': 'sum(late_resends)',
    },
    'merges': {
        'merges_applied': "count_if(verdict = 'applied')", 'merges_refused_cycle': "count_if(verdict = 'cycle')",
        'merges_refused_second_survivor': "count_if(verdict = 'second_survivor')",
    },
    'disputed_ids': {'disputed_amplitude_ids': 'count(*)'},
    'events': {
        'events': 'sum(events)',
        'anonymous_events': 'sum(case when resolved_by is not null then events end)',
        'stitched_by_amplitude_id': "sum(case when resolved_by = 'amplitude_id' then events end)",
        'stitched_by_merge': "sum(case when resolved_by = 'merge' then events end)",
        'stitched_by_device': "sum(case when resolved_by = 'device' then events end)",
        'left_anonymous': "sum(case when resolved_by = 'anonymous' then events end)",
    },
} %}

figures as (
    {% for origin in figures %}
    select
        month_start,
        {% for other, columns in figures.items() %}
        {% set last = loop.last %}
        {% for name, sum in columns.items() %}
        {{ sum if other == origin else '0' }} as {{ name }}{{ ',' if not (last and loop.last) }}
        {% endfor %}
        {% endfor %}
    from {{ origin }}
    group by month_start
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    figures.month_start,
    {% for columns in figures.values() %}
    {% for name in columns %}
    cast(sum(coalesce(figures.{{ name }}, 0)) as bigint) as {{ name }},
    {% endfor %}
    {% endfor %}
    coalesce({{ dbt.last_day('figures.month_start', 'month') }} <= any_value(watermarks.usage_watermark), false)
    as is_complete
from figures
cross join {{ ref('int_usage__watermarks') }} as watermarks
group by figures.month_start
