-- What speaks for or against the bills of each open gap: whether they were right when they were written, and what
-- happened to the contract since. Amounts are monthly, in millionths of the reporting currency.
with priced as (
    select *
    from {{ ref('int_money__billing_bills') }}
),

terms as (
    select *
    from {{ ref('int_money__billing_gap_terms') }}
),

subscriptions as (
    select distinct
        terms.subscription_id,
        priced.state_date
    from priced
    inner join terms
        on priced.month_start = terms.month_start
            and priced.compared_unit_no = terms.compared_unit_no
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
    from subscriptions as days
    inner join {{ ref('int_money__item_terms') }} as terms
        on days.subscription_id = terms.subscription_id
            and days.state_date >= terms.effective_from
            and days.state_date < terms.service_to
    where terms.is_counted and terms.gross_annual_e12 <> 0
),

valued as (
    {{ net_of_discounts('on_billing_days') }}
),

written as (
    select
        priced.month_start,
        priced.compared_unit_no,
        priced.is_last,
        max(priced.low_e6) as low_e6,
        max(priced.high_e6) as high_e6,
        {% set monthly = "* terms.rate / 12000000" %}
        coalesce(sum(cast(valued.net_annual_e12 as double) {{ monthly }}), 0) as written_e6,
        coalesce(sum(cast(valued.gross_annual_e12 as double) {{ monthly }}), 0) as written_gross_e6
    from priced
    inner join terms
        on priced.month_start = terms.month_start
            and priced.compared_unit_no = terms.compared_unit_no
    left join valued
        on terms.item_id = valued.item_id
            and terms.version_no = valued.version_no
            and priced.state_date = valued.state_date
    group by priced.month_start, priced.compared_unit_no, priced.is_last
),

now_in_force as (
    select
        month_start,
        compared_unit_no,
        coalesce(
            sum(cast(gross_annual_e12 as double) * rate / 12000000)
                filter (where effective_from <= month_end and service_to > month_end), 0
        ) as gross_e6,
        -- a version begins or ends within the month
        bool_or(
            (effective_from > month_start and effective_from <= month_end)
            or (service_to > month_start and service_to <= month_end)
        ) as is_part_month
    from terms
    group by month_start, compared_unit_no
)

select
    gaps.month_start,
    gaps.compared_unit_no,
    bool_and(
        written.written_e6 between written.low_e6 - gaps.cents_e6 and written.high_e6 + gaps.cents_e6
    ) as was_right,
    arg_min(written.written_e6, written.is_last) as written_e6,
    arg_min(written.written_gross_e6, written.is_last) as written_gross_e6,
    max(now_in_force.gross_e6) as gross_e6,
    bool_or(now_in_force.is_part_month) as is_part_month
from {{ ref('int_money__billing_compared') }} as gaps
inner join written
    on gaps.month_start = written.month_start
        and gaps.compared_unit_no = written.compared_unit_no
inner join now_in_force
    on gaps.month_start = now_in_force.month_start
        and gaps.compared_unit_no = now_in_force.compared_unit_no
group by gaps.month_start, gaps.compared_unit_no
