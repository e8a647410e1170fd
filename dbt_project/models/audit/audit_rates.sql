-- One row per rate column of the marts: how many values are infinite or not a number, and how many lie outside the
-- bounds that the rate has by definition. The columns are the marts' public contract. A mart without rows has no data.
{% set rates = [
    ['arr_by_segment', 'quick_ratio', 'money', 0, none],
    ['arr_by_segment', 'arpa', 'money', 0, none],
    ['arr_by_product_line', 'attach_rate', 'money', 0, 1],
    ['arr_by_segment_and_product_line', 'share_of_arr', 'money', 0, 1],
    ['active_usage', 'stickiness', 'usage', 0, 1],
    ['unmapped_events', 'share_of_events', 'usage', 0, 1],
    ['adoption', 'adoption_rate', 'joint', 0, 1],
    ['adoption', 'established_rate', 'joint', 0, 1],
    ['adoption', 'arr_adoption_rate', 'joint', 0, 1],
    ['adoption', 'active_seat_rate', 'joint', 0, none],
    ['adoption', 'breadth', 'joint', 0, none],
    ['adoption', 'days_per_account', 'joint', 0, none],
    ['board_metrics', 'value', 'money', none, none],
    ['revenue_retention', 'nrr', 'joint', 0, none],
    ['revenue_retention', 'grr', 'joint', 0, 1],
    ['revenue_retention', 'logo_retention', 'joint', 0, 1],
    ['arr_cohorts', 'nrr', 'money', 0, none],
    ['arr_cohorts', 'grr', 'money', 0, 1],
    ['arr_cohorts', 'logo_retention', 'money', 0, 1],
    ['arr_renewals', 'renewal_rate', 'money', 0, 1],
    ['product_economics', 'gross_margin', 'money', none, none],
    ['product_economics', 'magic_number', 'money', none, none],
    ['usage_retention', 'retention', 'usage', 0, 1],
    ['time_to_adopt', 'adopted_by_7d', 'joint', 0, 1],
    ['time_to_adopt', 'adopted_by_28d', 'joint', 0, 1],
    ['time_to_adopt', 'adopted_by_90d', 'joint', 0, 1],
] %}
{% set may_be_empty = [
    'unmapped_events', 'revenue_retention', 'arr_cohorts', 'arr_renewals', 'product_economics',
    'time_to_adopt',
] %}

with judged as (
    {% for mart, column, publish_group, lowest, highest in rates %}
    select
        '{{ mart }}.{{ column }}' as subject,
        '{{ mart }}' as mart,
        '{{ publish_group }}' as publish_group,
        count(*) as rows_found,
        count({{ column }}) as rates_found,
        sum(case when not isfinite(cast({{ column }} as double)) then 1 else 0 end) as not_finite,
        count_if(
            {{ column ~ ' < ' ~ lowest if lowest is not none else 'false' }}
            or {{ column ~ ' > ' ~ highest ~ ' + 1e-9' if highest is not none else 'false' }}
        ) as out_of_bounds
    from {{ ref(mart) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

due as (
    select
        coalesce(state.mode <> 'none', false) as has_money,
        (select count(*) from {{ source('company', 'feature_rules') }}) > 0 as has_features
    from {{ ref('stg_company__settings') }} as settings
    left join {{ ref('stg_finance__state') }} as state on true
)

select
    judged.subject,
    judged.publish_group,
    case
        when judged.publish_group = 'money' and not due.has_money then false
        -- every event may be mapped, the first month has nothing before it, and a rate of nothing needs no judge
        when judged.mart in ({{ "'" ~ may_be_empty | join("', '") ~ "'" }}) then judged.rows_found > 0
        when judged.publish_group = 'money' then true
        when judged.publish_group = 'joint' then due.has_features
        else true
    end as is_configured,
    judged.rows_found > 0 as has_data,
    judged.rows_found,
    judged.rates_found,
    cast(coalesce(judged.not_finite, 0) as bigint) as not_finite,
    cast(coalesce(judged.out_of_bounds, 0) as bigint) as out_of_bounds
from judged
cross join due
