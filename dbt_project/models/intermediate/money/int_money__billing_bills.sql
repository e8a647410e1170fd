-- The bills that each open gap is read with, and the day whose contract each of them is held against. Amounts are
-- monthly, in millionths of the reporting currency.
--
-- In a month in which one bill ends and the next begins, both are read, and the contract of the one that ended is what
-- the contract has changed from.
with open_gaps as (
    select
        month_start,
        compared_unit_no,
        charged_from
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
        cast(sum(charges.monthly_low_e6) as bigint) as low_e6,
        cast(sum(charges.monthly_high_e6) as bigint) as high_e6
    from bills
    inner join charges
        on bills.month_start = charges.month_start
            and bills.compared_unit_no = charges.compared_unit_no
            and bills.billed_from >= charges.service_start
            and bills.billed_from < charges.service_end
    group by bills.month_start, bills.compared_unit_no, bills.billed_from, bills.is_last
)

-- a bill is read with the contract of its first day, or, if it began before any contract, of the contract's first day
select
    billed.month_start,
    billed.compared_unit_no,
    billed.is_last,
    billed.low_e6,
    billed.high_e6,
    coalesce(
        max(
            case
                when billed.billed_from >= terms.effective_from and billed.billed_from < terms.service_to
                    then billed.billed_from
            end
        ),
        min(case when terms.effective_from > billed.billed_from then terms.effective_from end)
    ) as state_date
from billed
inner join {{ ref('int_money__billing_gap_terms') }} as terms
    on billed.month_start = terms.month_start
        and billed.compared_unit_no = terms.compared_unit_no
group by billed.month_start, billed.compared_unit_no, billed.is_last, billed.low_e6, billed.high_e6
