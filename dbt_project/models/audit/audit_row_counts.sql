-- One row per mart that must hold something: how many rows it has. Marts that may rightly be empty (launches,
-- unmapped and unattributed events) are not listed.
with due as (
    select
        coalesce(state.mode <> 'none', false) as has_money,
        (select count(*) from {{ source('company', 'feature_rules') }}) > 0 as has_features
    from {{ ref('stg_company__settings') }} as settings
    left join {{ ref('stg_finance__state') }} as state on true
),

{% set marts = {
    'dim_account': ['joint', 'true'],
    'dim_account_segment': ['joint', 'true'],
    'dim_date': ['joint', 'true'],
    'fct_arr_month': ['money', 'due.has_money'],
    'fct_arr_movement': ['money', 'due.has_money'],
    'arr_by_segment': ['money', 'due.has_money'],
    'arr_by_product_line': ['money', 'due.has_money'],
    'arr_by_segment_and_product_line': ['money', 'due.has_money'],
    'tie_out': ['money', 'due.has_money'],
    'board_metrics': ['money', 'due.has_money', "publish_group = 'money'"],
    'dim_feature': ['usage', 'due.has_features'],
    'fct_user_activity_day': ['usage', 'true'],
    'fct_feature_usage_day': ['usage', 'due.has_features'],
    'active_usage': ['usage', 'true'],
    'extraction_hours': ['usage', 'true'],
    'identity_report': ['usage', 'true'],
    'adoption': ['joint', 'due.has_features'],
    'usage_retention': ['usage', 'true'],
    'account_adoption': ['joint', 'due.has_features'],
    'instrumentation': ['usage', 'due.has_features'],
    'usage_lifecycle': ['usage', 'true'],
    'stickiness_histogram': ['usage', 'true'],
} %}

counted as (
    {% for mart, judged in marts.items() %}
    select
        '{{ mart }}' as subject,
        '{{ judged[0] }}' as publish_group,
        {{ judged[1] }} as is_configured,
        (select count(*) from {{ ref(mart) }} where {{ judged[2] | default('true') }}) as rows_found
    from due
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    subject,
    publish_group,
    is_configured,
    true as has_data,
    rows_found
from counted
