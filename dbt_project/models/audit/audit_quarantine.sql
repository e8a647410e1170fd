-- One row per source: the share of what was read that could not be used and lies in quality.quarantine.
{% set finance_tables = [
    'accounts', 'subscription_items', 'account_segments', 'products', 'product_succession', 'bundle_allocation',
    'discounts', 'invoice_lines', 'gl_revenue', 'fx_rates', 'identity_map', 'entitlements', 'control_totals',
    'arr_month',
] %}

with finance_rows as (
    {% for table in finance_tables %}
    select count(*) as rows_kept from {{ source('finance', table) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

kept as (
    select
        'finance' as source_name,
        (select mode <> 'none' from {{ ref('stg_finance__state') }}) as is_configured,
        (select sum(rows_kept) from finance_rows) as rows_kept,
        (
            select count(*)
            from {{ source('quality', 'quarantine') }}
            where source = 'finance'
        ) as rows_quarantined

    union all

    select
        'amplitude' as source_name,
        true as is_configured,
        sum(coalesce(records, 0) - coalesce(quarantined, 0)) as rows_kept,
        sum(coalesce(quarantined, 0)) as rows_quarantined
    from {{ source('amplitude', 'amplitude_hours') }}
)

select
    source_name as subject,
    coalesce(is_configured, false) as is_configured,
    coalesce(rows_kept + rows_quarantined, 0) > 0 as has_data,
    cast(rows_kept as bigint) as rows_kept,
    cast(rows_quarantined as bigint) as rows_quarantined,
    cast(rows_quarantined as double) / nullif(rows_kept + rows_quarantined, 0) as quarantined_share
from kept
