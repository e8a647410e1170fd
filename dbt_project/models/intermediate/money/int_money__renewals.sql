-- What fell due by account and product line, and what the account pays in that line at the end of the month in which
-- the terms ended, but for items that stood before and were not due. Both at the rate of that month.
with standing as (
    select
        due_accounts.due_month_start,
        opening.item_id
    from (
        select distinct due_month_start, read_month_start, account_id
        from {{ ref('int_money__terms_due') }}
        where due_month_start is not null
    ) as due_accounts
    inner join {{ ref('int_money__item_months') }} as opening
        on due_accounts.account_id = opening.account_id
            and due_accounts.read_month_start = opening.month_start
    left join {{ ref('int_money__terms_due') }} as due
        on opening.item_id = due.item_id
            and opening.month_start = due.read_month_start
            and due.due_month_start = due_accounts.due_month_start
    where due.item_id is null
),

-- an item that replaces one that was not due continues that one
continued as (
    select
        due_accounts.due_month_start,
        closing.state_date,
        closing.account_id,
        closing.product_id,
        closing.currency,
        closing.net_annual_e12
    from (
        select distinct due_month_start, account_id
        from {{ ref('int_money__terms_due') }}
        where due_month_start is not null
    ) as due_accounts
    inner join {{ ref('int_money__item_months') }} as closing
        on due_accounts.account_id = closing.account_id
            and due_accounts.due_month_start = closing.month_start
    inner join {{ ref('int_money__item_terms') }} as terms
        on closing.item_id = terms.item_id
            and closing.version_no = terms.version_no
    left join standing
        on due_accounts.due_month_start = standing.due_month_start
            and closing.item_id = standing.item_id
    left join standing as replaced
        on due_accounts.due_month_start = replaced.due_month_start
            and terms.replaces_item_id = replaced.item_id
    where standing.item_id is null and replaced.item_id is null
),

positions as (
    select
        quarter_start, due_month_start, read_month_start, state_date as read_on, state_date as allocated_on,
        account_id, product_id, currency,
        net_annual_e12 as due_e12,
        case when is_at_notice then net_annual_e12 else 0 end as notice_e12,
        0 as continued_e12
    from {{ ref('int_money__terms_due') }}

    union all

    select
        due.quarter_start, continued.due_month_start, due.read_month_start, due.read_on, continued.state_date,
        continued.account_id, continued.product_id, continued.currency,
        0, 0, continued.net_annual_e12
    from continued
    inner join (
        select distinct quarter_start, due_month_start, read_month_start, state_date as read_on
        from {{ ref('int_money__terms_due') }}
        where due_month_start is not null
    ) as due
        on continued.due_month_start = due.due_month_start
),

by_line as (
    select
        positions.quarter_start,
        positions.due_month_start,
        positions.read_month_start,
        positions.read_on,
        positions.account_id,
        coalesce(lines.product_line, 'unassigned') as product_line,
        positions.currency,
        {% for measure in ['due', 'notice', 'continued'] -%}
        sum(
            {{ share_e12(
                'positions.' ~ measure ~ '_e12', 'coalesce(lines.share_e8, 1)', 'coalesce(lines.all_shares_e8, 1)'
            ) }}
        ) as {{ measure }}_e12
        {{- "," if not loop.last }}
        {% endfor %}
    from positions
    left join {{ ref('int_money__product_lines') }} as lines
        on positions.product_id = lines.product_id
            and positions.allocated_on >= lines.valid_from
            and positions.allocated_on < lines.valid_to
    group by
        positions.quarter_start, positions.due_month_start, positions.read_month_start, positions.read_on,
        positions.account_id, lines.product_line, positions.currency
)

select
    by_line.quarter_start,
    by_line.due_month_start,
    by_line.read_on,
    by_line.account_id,
    by_line.product_line,
    {% for measure in ['due', 'notice', 'continued'] -%}
    cast(sum({{ e12_to_money('by_line.' ~ measure ~ '_e12', 'rates.fx_rate') }}) as decimal(18, 2)) as {{ measure }}_arr
    {{- "," if not loop.last }}
    {% endfor %}
from by_line
inner join {{ ref('int_money__fx_months') }} as rates
    on coalesce(by_line.due_month_start, by_line.read_month_start) = rates.month_start
        and by_line.currency = rates.currency
where rates.fx_rate is not null
group by
    by_line.quarter_start, by_line.due_month_start, by_line.read_on, by_line.account_id, by_line.product_line
having sum({{ e12_to_money('by_line.due_e12', 'rates.fx_rate') }}) > 0
