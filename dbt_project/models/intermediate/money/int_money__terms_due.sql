-- Items whose term ends, as they stood at the last month end before it: a term that was replaced by another before that,
-- or whose item ended before, does not fall due. Terms that end after the as-of date are read at the as-of date.
with months as (
    select
        *,
        max(month_start) over () as last_month_start
    from {{ ref('int_calendar__money_months') }}
),

term_ends as (
    select
        items.item_id,
        items.version_no,
        items.term_end,
        due_months.month_start as due_month_start,
        coalesce(
            cast({{ dbt.dateadd('month', -1, 'due_months.month_start') }} as date), latest.last_month_start
        ) as read_month_start
    from {{ ref('stg_finance__subscription_items') }} as items
    cross join (select distinct last_month_start from months) as latest
    left join months as due_months
        on cast({{ dbt.date_trunc('month', 'items.term_end') }} as date) = due_months.month_start
            and items.term_end <= due_months.state_date
    where items.term_end is not null
)

select
    term_ends.item_id,
    term_ends.term_end,
    {{ fiscal_quarter_start('term_ends.term_end', 'settings.fiscal_year_starts_in') }} as quarter_start,
    term_ends.due_month_start,
    read_items.month_start as read_month_start,
    read_items.state_date,
    read_items.account_id,
    read_items.product_id,
    read_items.currency,
    read_items.is_at_notice,
    read_items.net_annual_e12
from {{ ref('int_money__item_months') }} as read_items
inner join term_ends
    on read_items.item_id = term_ends.item_id
        and read_items.version_no = term_ends.version_no
        and read_items.month_start = term_ends.read_month_start
cross join {{ ref('stg_company__settings') }} as settings
where term_ends.term_end > read_items.state_date
