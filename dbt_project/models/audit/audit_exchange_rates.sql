-- One row: how many months × currencies with money have no exchange rate, and the first of them by name.
with missing as (
    select
        cast(month_start as varchar) || ' ' || currency as missing_rate
    from {{ ref('audit_fx_missing') }}
),

listed as (
    select missing_rate
    from missing
    order by missing_rate
    limit 12
)

select
    coalesce((select string_agg(missing_rate, ', ' order by missing_rate) from listed), 'all months') as subject,
    state.mode <> 'none' as is_configured,
    (select count(*) from {{ ref('fct_arr_month') }}) + (select count(*) from missing) > 0 as has_data,
    (select count(*) from missing) as rates_missing
from {{ ref('stg_finance__state') }} as state
