-- What speaks for or against the bills of each open gap: whether they were right when they were written, and what
-- happened to the contract since. Amounts are monthly, in millionths of the reporting currency.
--
-- In a month in which one bill ends and the next begins, both are read, and the contract of the one that ended is what
-- the contract has changed from.
with open_gaps as (
    select
        month_start,
        compared_unit_no,
        charged_from,
        cents_e6
    from {{ ref('int_money__billing_compared') }}
    where open_e6 <> 0 and charge_lines > 0
),

charges as (
    select
        lines.*,
        gaps.charged_from
    from {{ ref('int_money__billing_gap_lines') }} as lines
    inner join open_gaps as gaps
        on lines.month_start = gaps.month_start
            and lines.compared_unit_no = gaps.compared_unit_no
    where lines.line_type = 'charge'
),

bills as (
    select month_start, compared_unit_no, charged_from as billed_from, true as is_last
    from open_gaps

    union all

    select month_start, compared_unit_no, max(service_start) as billed_from, false as is_last
    from charges
    where service_end <= charged_from
    group by month_start, compared_unit_no
),

billed as (
    select
        bills.month_start,
        bills.compared_unit_no,
        bills.billed_from,
        bills.is_last,
        sum(charges.monthly_low_e6) as low_e6,
        sum(charges.monthly_high_e6) as high_e6
    from bills
    inner join charges
        on bills.month_start = charges.month_start
            and bills.compared_unit_no = charges.compared_unit_no
            and bills.billed_from >= charges.service_start
            and bills.billed_from < charges.service_end
    group by bills.month_start, bills.compared_unit_no, bills.billed_from, bills.is_last
),

terms as (
    select *
    from {{ ref('int_money__billing_gap_terms') }}
),

-- a bill is read with the contract of its first day, or, if it began before any contract, of the contract's first day
priced as (
    select
        billed.month_start,
        billed.compared_unit_no,
        billed.is_last,
        billed.low_e6,
        billed.high_e6,
        coalesce(
            max(case when billed.billed_from >= terms.effective_from and billed.billed_from < terms.service_to then billed.billed_from end),
            min(case when terms.effective_from > billed.billed_from then terms.effective_from end)
        ) as state_date
    from billed
    inner join terms
        on billed.month_start = terms.month_start
            and billed.compared_unit_no = terms.compared_unit_no
    group by billed.month_start, billed.compared_unit_no, billed.is_last, billed.low_e6, billed.high_e6
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
        priced.low_e6,
        priced.high_e6,
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
    group by priced.month_start, priced.compared_unit_no, priced.is_last, priced.low_e6, priced.high_e6
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
from open_gaps as gaps
inner join written
    on gaps.month_start = written.month_start
        and gaps.compared_unit_no = written.compared_unit_no
inner join now_in_force
    on gaps.month_start = now_in_force.month_start
        and gaps.compared_unit_no = now_in_force.compared_unit_no
group by gaps.month_start, gaps.compared_unit_no
