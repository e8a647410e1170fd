-- Gaps in the reporting currency, by what is compared with each other, and how much of each is open once credits are
-- counted. Amounts are contract minus invoices, in millionths. A unit whose credits make it right is no gap.
with valued as (
    select
        gaps.*,
        rates.month_end_rate as rate,
        rates.lowest_rate / rates.month_end_rate as lowest,
        rates.highest_rate / rates.month_end_rate as highest
    from {{ ref('int_money__billing_gaps') }} as gaps
    left join {{ ref('int_money__tie_out_rates') }} as rates
        on gaps.month_start = rates.month_start
            and gaps.currency = rates.currency
),

compared as (
    select
        month_start,
        compared_unit_no,
        min(unit_no) filter (where unit_no > 0) as first_item_no,
        count(distinct unit_no) filter (where unit_no > 0) as items,
        {% for side in ['earned', 'low', 'high', 'charged', 'credited', 'refunded', 'credit_low', 'credit_high'] -%}
        cast(round(sum({{ side }}_e6 * rate)) as hugeint) as {{ side }}_e6,
        {% endfor -%}
        sum(charge_lines) as charge_lines,
        max(charged_from) as charged_from,
        cast(10000 * ceil(max(rate)) * greatest(sum(charge_lines), 1) as hugeint) as cents_e6,
        -- one side in a currency that the other does not have
        coalesce(bool_or(earned_e6 <> 0 and charge_lines = 0) and bool_or(earned_e6 = 0 and charge_lines > 0), false)
            and count(distinct currency) > 1 as has_other_currency,
        sum(earned_e6 * rate * lowest) as earned_at_lowest,
        sum(earned_e6 * rate * highest) as earned_at_highest,
        sum(low_e6 * rate * lowest) as low_at_lowest,
        sum(high_e6 * rate * highest) as high_at_highest
    from valued
    group by month_start, compared_unit_no
    -- money without a rate is held back: its figure is no data
    having count(*) = count(rate)
),

judged as (
    select
        *,
        earned_e6 between low_e6 - cents_e6 and high_e6 + cents_e6 as is_right,
        earned_e6 between low_e6 + credit_low_e6 - cents_e6 and high_e6 + credit_high_e6 + cents_e6
            as is_right_after_credits,
        earned_e6 - charged_e6 - credited_e6 - refunded_e6 as gap_e6
    from compared
),

-- credits explain a gap as far as it goes in their direction
credited as (
    select
        *,
        case
            when is_right then -credited_e6
            when sign(gap_e6) = sign(-credited_e6) then sign(gap_e6) * least(abs(gap_e6), abs(credited_e6))
            else 0
        end as by_credit_e6
    from judged
    where case when is_right then credited_e6 <> 0 or refunded_e6 <> 0 else not is_right_after_credits end
),

refunded as (
    select
        *,
        case
            when is_right then -refunded_e6
            when sign(gap_e6 - by_credit_e6) = sign(-refunded_e6)
                then sign(-refunded_e6) * least(abs(gap_e6 - by_credit_e6), abs(refunded_e6))
            else 0
        end as by_refund_e6
    from credited
)

select
    month_start,
    compared_unit_no,
    case when items = 1 then first_item_no end as only_item_no,
    earned_e6,
    low_e6,
    high_e6,
    charge_lines,
    charged_from,
    cents_e6,
    by_credit_e6,
    by_refund_e6,
    case when is_right then 0 else gap_e6 - by_credit_e6 - by_refund_e6 end as open_e6,
    -- priced at a rate of the year before
    has_other_currency and earned_at_lowest <= high_at_highest and earned_at_highest >= low_at_lowest as is_fx
from refunded
