-- revenue_retention of adopters and non-adopters, by the segment an account was in at the start. Growth and shrinkage of
-- accounts of one family offset each other before GRR caps them.
{{ config(materialized='view') }}
{% set figures = ['cohort_accounts', 'retained_accounts', 'start_arr', 'end_arr', 'capped_arr', 'cross_sell_arr'] %}
{% set cell = ['month_start', 'window_months', 'scope_no', 'adopter'] %}

-- what adds up over accounts, families or not, is added up before it is spread over the dimensions
with added as (
    select
        {{ cell | join(', ') }}, segment_set,
        {% for figure in figures -%}
        sum({{ figure }}) {{ "filter (where family_number is null) " if figure == 'capped_arr' }}as {{ figure }}
        {{- "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_usage__adopter_cohorts') }}
    group by {{ cell | join(', ') }}, segment_set
),

families as (
    select
        cohorts.{{ cell | join(', cohorts.') }}, segments.member_number,
        least(sum(cohorts.start_arr), sum(cohorts.end_arr)) as capped_arr
    from {{ ref('int_usage__adopter_cohorts') }} as cohorts
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on cohorts.segment_set = segments.segment_set
    where cohorts.family_number is not null
    group by cohorts.{{ cell | join(', cohorts.') }}, segments.member_number, cohorts.family_number
),

parts as (
    select added.{{ cell | join(', added.') }}, segments.member_number, added.{{ figures | join(', added.') }}
    from added
    inner join {{ ref('int_company__segment_set_members') }} as segments
        on added.segment_set = segments.segment_set

    union all

    select
        {{ cell | join(', ') }}, member_number,
        {% for figure in figures -%}
        {{ 'capped_arr' if figure == 'capped_arr' else 0 }}{{ ", " if not loop.last }}
        {%- endfor %}
    from families
),

totals as (
    select
        {{ cell | join(', ') }}, member_number,
        {% for figure in figures -%}
        cast(sum({{ figure }}) as {{ 'decimal(18, 2)' if figure.endswith('_arr') else 'bigint' }}) as {{ figure }}
        {{- "," if not loop.last }}
        {% endfor %}
    from parts
    group by {{ cell | join(', ') }}, member_number
)

select
    totals.month_start,
    cast(totals.window_months as integer) as window_months,
    segments.dimension,
    segments.segment,
    segments.is_total,
    scopes.scope,
    scopes.scope_key,
    totals.adopter,
    totals.{{ figures | join(', totals.') }},
    -- the window's end, and with it what was known of its beginning
    months.is_complete and months.month_end <= watermarks.joint_watermark as is_complete
from totals
inner join (
    select distinct member_number, dimension, segment, is_total
    from {{ ref('int_company__segment_set_members') }}
) as segments
    on totals.member_number = segments.member_number
inner join (
    select distinct scope_no, scope, scope_key
    from {{ ref('int_usage__feature_scopes') }}
) as scopes
    on totals.scope_no = scopes.scope_no
inner join {{ ref('int_calendar__money_months') }} as months
    on totals.month_start = months.month_start
inner join {{ ref('int_usage__watermarks') }} as watermarks
    on watermarks.joint_watermark is not null
