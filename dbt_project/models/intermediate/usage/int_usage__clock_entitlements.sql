-- From when to when an account may use a feature without a break, by what entitles it (denominator_basis). Grants that
-- overlap or follow on one another are one spell.
with basis as (
    select distinct denominator_basis
    from {{ ref('int_usage__adoption_months') }}
),

features as (
    select feature_key, product_line
    from {{ ref('dim_feature') }}
),

grants as (
    select entitlements.account_id, features.feature_key, entitlements.valid_from, entitlements.valid_to
    from {{ ref('stg_finance__entitlements') }} as entitlements
    inner join features on entitlements.feature_key = features.feature_key
    inner join basis on basis.denominator_basis = 'entitlements'

    union all

    select entitlements.account_id, features.feature_key, entitlements.valid_from, entitlements.valid_to
    from {{ ref('stg_finance__entitlements') }} as entitlements
    inner join features on entitlements.product_line = features.product_line
    inner join basis on basis.denominator_basis = 'entitlements'
    where entitlements.feature_key is null

    union all

    -- ARR at month end stands for the month
    select
        arr.account_id,
        features.feature_key,
        arr.month_start as valid_from,
        cast({{ dbt.dateadd('month', 1, 'arr.month_start') }} as date) as valid_to
    from {{ ref('fct_arr_month') }} as arr
    inner join features on arr.product_line = features.product_line
    inner join basis on basis.denominator_basis = 'subscription'
    group by arr.account_id, features.feature_key, arr.month_start
    having sum(arr.arr) > 0

    union all

    select accounts.account_id, features.feature_key, accounts.created_date as valid_from, date '9999-12-31' as valid_to
    from {{ ref('int_company__accounts') }} as accounts
    cross join features
    inner join basis on basis.denominator_basis = 'all_live'
    where accounts.created_date is not null

    union all

    -- an account of unknown age lives from its first event on
    select accounts.account_id, features.feature_key, first_use.first_date as valid_from, date '9999-12-31' as valid_to
    from {{ ref('int_company__accounts') }} as accounts
    inner join {{ ref('int_usage__first_use') }} as first_use
        on accounts.account_id = first_use.unit_key
            and first_use.unit = 'account'
            and first_use.scope_no = 0
    cross join features
    inner join basis on basis.denominator_basis = 'all_live'
    where accounts.created_date is null
),

numbered as (
    select
        account_id, feature_key, valid_from, valid_to,
        coalesce(valid_from > max(valid_to) over (
            partition by account_id, feature_key order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ), true) as begins
    from grants
    where valid_from < valid_to
),

spells as (
    select
        account_id, feature_key, valid_from, valid_to,
        sum(cast(begins as integer)) over (
            partition by account_id, feature_key order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as spell_no
    from numbered
)

select account_id, feature_key, min(valid_from) as valid_from, max(valid_to) as valid_to
from spells
group by account_id, feature_key, spell_no
