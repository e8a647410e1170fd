-- What speaks for or against each open gap: whether its bills were right when they were written, and what happened to
-- the contract since. Amounts are monthly, in millionths of the reporting currency.
with open_gaps as (
    select
        month_start,
        {{ dbt.last_day('month_start', 'month') }} as month_end,
        compared_unit_no,
        charged_from
    from {{ ref('int_money__billing_compared') }}
    where open_e6 <> 0 and charge_lines > 0
),

-- the items that a gap is about, those of its family that invoices do name left to themselves
gap_items as (
    select
        gaps.*,
        units.item_id
    from open_gaps as gaps
    inner join {{ ref('int_money__billing_units') }} as compared
        on gaps.compared_unit_no = compared.unit_no
    inner join {{ ref('int_money__billing_units') }} as units
        on compared.item_id is null
            and units.item_id is not null
            and compared.root_account_id = units.root_account_id
            and compared.product_id = units.product_id
    where not exists (
        select 1
        from {{ ref('int_money__billed_months') }} as named
        where named.unit_no = units.unit_no and named.month_start = gaps.month_start
    )

    union all

    select
        gaps.*,
        units.item_id
    from open_gaps as gaps
    inner join {{ ref('int_money__billing_units') }} as units
        on gaps.compared_unit_no = units.unit_no
    where units.item_id is not null
),

gap_terms as (
    select
        gaps.month_start,
        gaps.month_end,
        gaps.compared_unit_no,
        gaps.charged_from,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.currency,
        terms.effective_from,
        terms.service_to,
        terms.gross_annual_e12,
        rates.month_end_rate as rate
    from gap_items as gaps
    inner join {{ ref('int_money__item_terms') }} as terms
        on gaps.item_id = terms.item_id
    left join {{ ref('int_money__tie_out_rates') }} as rates
        on gaps.month_start = rates.month_start
            and terms.currency = rates.currency
    where terms.is_counted and terms.gross_annual_e12 <> 0 and terms.effective_from < terms.service_to
),

-- a bill is read with the contract of its first day, or, if it began before any contract, of the contract's first day
priced_on as (
    select
        month_start,
        compared_unit_no,
        coalesce(
            max(case when charged_from >= effective_from and charged_from < service_to then charged_from end),
            min(case when effective_from > charged_from then effective_from end)
        ) as state_date
    from gap_terms
    group by month_start, compared_unit_no
),

billing_days as (
    select distinct
        gap_terms.subscription_id,
        priced_on.state_date
    from gap_terms
    inner join priced_on
        on gap_terms.month_start = priced_on.month_start
            and gap_terms.compared_unit_no = priced_on.compared_unit_no
),

on_billing_days as (
    select
        days.state_date,
        days.state_date as valuation_date,
        terms.item_id,
        terms.version_no,
        terms.subscription_id,
        terms.currency,
        terms.gross_annual_e12,
        terms.annual_numerator,
        terms.annual_denominator
    from billing_days as days
    inner join {{ ref('int_money__item_terms') }} as terms
        on days.subscription_id = terms.subscription_id
            and days.state_date >= terms.effective_from
            and days.state_date < terms.service_to
    where terms.is_counted and terms.gross_annual_e12 <> 0
),

valued as (
    {{ net_of_discounts('on_billing_days') }}
)

select
    gap_terms.month_start,
    gap_terms.compared_unit_no,
    {% set monthly = "* rate / 12000000" %}
    coalesce(sum(cast(valued.net_annual_e12 as double) {{ monthly }}), 0) as written_e6,
    coalesce(sum(cast(valued.gross_annual_e12 as double) {{ monthly }}), 0) as written_gross_e6,
    coalesce(
        sum(cast(gap_terms.gross_annual_e12 as double) {{ monthly }}) filter (
            where gap_terms.effective_from <= gap_terms.month_end and gap_terms.service_to > gap_terms.month_end
        ), 0
    ) as gross_e6,
    -- a version begins or ends within the month
    bool_or(
        (gap_terms.effective_from > gap_terms.month_start and gap_terms.effective_from <= gap_terms.month_end)
        or (gap_terms.service_to > gap_terms.month_start and gap_terms.service_to <= gap_terms.month_end)
    ) as is_part_month
from gap_terms
inner join priced_on
    on gap_terms.month_start = priced_on.month_start
        and gap_terms.compared_unit_no = priced_on.compared_unit_no
left join valued
    on gap_terms.item_id = valued.item_id
        and gap_terms.version_no = valued.version_no
        and priced_on.state_date = valued.state_date
group by gap_terms.month_start, gap_terms.compared_unit_no
