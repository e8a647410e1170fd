-- Every metric of every cell by month, one row each. A stock or flow is its numerator; a rate is numerator over
-- denominator, and `accounts` says of how many accounts it speaks.
{% set bridge = {
    'arr': ['closing_arr'],
    'net_new_arr': ['new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr'],
    'new_arr': ['new_arr'],
    'reactivation_arr': ['reactivation_arr'],
    'expansion_arr': ['expansion_arr'],
    'contraction_arr': ['contraction_arr'],
    'churn_arr': ['churn_arr'],
    'fx_arr': ['fx_arr'],
    'quick_ratio': ['new_arr + reactivation_arr + expansion_arr', '-(contraction_arr + churn_arr)', 'opening_accounts'],
    'paying_accounts': ['closing_accounts'],
    'new_accounts': ['new_accounts'],
    'churned_accounts': ['churned_accounts'],
    'flash_logos': ['flash_logos'],
    'arpa': ['closing_arr', '12 * closing_accounts', 'closing_accounts'],
} %}
{% set cells = {
    'carr': ['carr'],
    'arr_at_notice': ['arr_at_notice'],
    'arr_past_due': ['arr_past_due'],
    'cross_sell_arr': ['cross_sell_arr'],
    'product_winback_arr': ['product_winback_arr'],
    'upsell_arr': ['upsell_arr'],
    'downsell_arr': ['downsell_arr'],
    'product_churn_arr': ['product_churn_arr'],
} %}
{% set line_bridge = {
    'arr': ['closing_arr'],
    'net_new_arr': [
        'new_logo_arr + reactivation_arr + cross_sell_arr + product_winback_arr + upsell_arr + downsell_arr'
        ' + product_churn_arr + logo_churn_arr'
    ],
    'new_arr': ['new_logo_arr'],
    'reactivation_arr': ['reactivation_arr'],
    'churn_arr': ['logo_churn_arr'],
    'fx_arr': ['fx_arr'],
    'paying_accounts': ['closing_accounts'],
    'arpa': ['closing_arr', '12 * closing_accounts', 'closing_accounts'],
    'attach_rate': ['closing_accounts', 'segment_accounts', 'segment_accounts'],
} %}
{% set retention = {
    'nrr': ['end_arr', 'start_arr', 'cohort_accounts'],
    'grr': ['capped_arr', 'start_arr', 'cohort_accounts'],
    'logo_retention': ['retained_accounts', 'cohort_accounts', 'cohort_accounts'],
} %}
{% set economics = {
    'gross_margin': ['revenue - cogs', 'revenue'],
    'magic_number': ['net_new_arr_quarter', 's_and_m_quarter_before'],
} %}

{{ metrics_in_rows(ref('int_board__segment_months'), bridge, "'all'", "'all'", 'true') }}
union all
{{ metrics_in_rows(ref('int_board__line_months'), cells, 'scope', 'scope_key', 'true') }}
union all
{{ metrics_in_rows(ref('int_board__line_months'), line_bridge, 'scope', 'scope_key', "scope = 'product_line'") }}
union all
{{ metrics_in_rows(
    ref('int_money__retention_cells'), retention, 'scope', 'scope_key', "window_months = 12 and scope in ('all', 'product_line')"
) }}
union all
{{ metrics_in_rows(ref('int_board__economics'), economics, 'scope', 'scope_key', 'true') }}
