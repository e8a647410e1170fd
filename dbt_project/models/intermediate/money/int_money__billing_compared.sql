-- Gaps in the reporting currency, by what is compared with each other, and how much of each is open once credits are
-- counted. Amounts are contract minus invoices, in millionths. A unit whose credits make it right is no gap.
with lines as (
    select
        month_start,
        unit_no,
        currency,
        {% for kind, name in [('charge', 'charged'), ('credit', 'credited'), ('refund', 'refunded')] -%}
        cast(coalesce(sum(counted_e6) filter (where line_type = '{{ kind }}'), 0) as bigint) as {{ name }}_e6,
        {% endfor -%}
        {% for bound in ['low', 'high'] -%}
        cast(sum({{ bound }}_e6) as bigint) as all_{{ bound }}_e6,
        cast(coalesce(sum({{ bound }}_e6) filter (where line_type <> 'charge'), 0) as bigint) as credit_{{ bound }}_e6,
        {% endfor -%}
        count(*) filter (where line_type = 'charge') as charge_lines,
        max(service_start) filter (where line_type = 'charge') as charged_from
    from {{ ref('int_money__billing_gap_lines') }}
    group by month_start, unit_no, currency
),

members as (
    select
        gaps.month_start,
        gaps.unit_no,
        gaps.currency,
        gaps.compared_unit_no,
        gaps.over_low_e6 + coalesce(lines.all_low_e6, 0) as earned_e6,
        coalesce(lines.all_low_e6 - lines.credit_low_e6, 0) as low_e6,
        coalesce(lines.all_high_e6 - lines.credit_high_e6, 0) as high_e6,
        {% for side in ['charged', 'credited', 'refunded', 'credit_low', 'credit_high'] -%}
        coalesce(lines.{{ side }}_e6, 0) as {{ side }}_e6,
        {% endfor -%}
        coalesce(lines.charge_lines, 0) as charge_lines,
        lines.charged_from,
        rates.month_end_rate as rate,
        rates.lowest_rate / rates.month_end_rate as lowest,
        rates.highest_rate / rates.month_end_rate as highest
    from {{ ref('int_money__billing_gaps') }} as gaps
    left join lines
        on gaps.month_start = lines.month_start
            and gaps.unit_no = lines.unit_no
            and gaps.currency = lines.currency
    left join {{ ref('int_money__tie_out_rates') }} as rates
        on gaps.month_start = rates.month_start
            and gaps.currency = rates.currency
),

-- rounded to a millionth each, which is far below the cents that they are compared in
valued as (
    select
        month_start,
        unit_no,
        currency,
        compared_unit_no,
        {% for side in ['earned', 'low', 'high', 'charged', 'credited', 'refunded', 'credit_low', 'credit_high'] -%}
        {{ reporting_e6(side ~ '_e6', 'rate') }} as {{ side }}_e6,
        {% endfor -%}
        charge_lines,
        charged_from,
        rate,
        lowest,
        highest
    from members
),

compared as (
    select
        month_start,
        compared_unit_no,
        min(unit_no) filter (where unit_no > 0) as first_item_no,
        max(unit_no) filter (where unit_no > 0) as last_item_no,
        {% for side in ['earned', 'low', 'high', 'charged', 'credited', 'refunded', 'credit_low', 'credit_high'] -%}
        cast(sum({{ side }}_e6) as bigint) as {{ side }}_e6,
        {% endfor -%}
        cast(sum(charge_lines) as bigint) as charge_lines,
        max(charged_from) as charged_from,
        cast(10000 * ceil(max(rate)) * greatest(sum(charge_lines), 1) as bigint) as cents_e6,
        -- one side in a currency that the other does not have
        coalesce(bool_or(earned_e6 <> 0 and charge_lines = 0) and bool_or(earned_e6 = 0 and charge_lines > 0), false)
            and min(currency) <> max(currency) as has_other_currency,
        sum(earned_e6 * lowest) as earned_at_lowest,
        sum(earned_e6 * highest) as earned_at_highest,
        sum(low_e6 * lowest) as low_at_lowest,
        sum(high_e6 * highest) as high_at_highest
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
    case when first_item_no = last_item_no then first_item_no end as only_item_no,
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
