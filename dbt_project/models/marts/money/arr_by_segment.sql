-- The ARR bridge of every segment of every lens dimension, to the cent. A movement belongs to the segment an account
-- was in at month start (new and reactivated: at month end); a changed segment then moves its closing ARR by transfer.
{% set money = [
    'opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'transfer_in', 'transfer_out',
    'closing',
] %}
{% set counts = [
    'opening_accounts', 'new_accounts', 'reactivated_accounts', 'churned_accounts', 'voluntary_churned_accounts',
    'transfer_in_accounts', 'transfer_out_accounts', 'closing_accounts', 'flash_logos',
] %}

with segments as (
    select
        month_start,
        dimension,
        segment,
        {% for name in money -%}
        cast(sum({{ name }}_arr) as decimal(18, 2)) as {{ name }}_arr,
        {% endfor -%}
        {% for name in counts -%}
        cast(sum({{ name }}) as bigint) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_money__segment_postings') }}
    group by month_start, dimension, segment
)

select
    segments.*,
    cast(
        {{ divide_half_up('cast(closing_arr * 100 as hugeint)', '12 * nullif(closing_accounts, 0)') }}
        * cast(0.01 as decimal(18, 2)) as decimal(18, 2)
    ) as arpa,
    -- a bridge that lost nothing has no ratio
    cast(new_arr + reactivation_arr + expansion_arr as double)
    / nullif(-(contraction_arr + churn_arr), 0) as quick_ratio
from segments
where
    {% for name in money -%}
    {{ "or " if not loop.first }}{{ name }}_arr <> 0
    {% endfor -%}
    {% for name in counts -%}
    or {{ name }} <> 0
    {% endfor %}
