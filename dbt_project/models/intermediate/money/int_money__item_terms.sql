-- Every terms version of an item: when it serves, and what it is worth a year before discounts.
{% set forever = "date '9999-12-31'" %}

with items as (
    select items.*
    from {{ ref('stg_finance__subscription_items') }} as items
    inner join {{ ref('int_company__accounts') }} as accounts
        on items.account_id = accounts.account_id
    inner join {{ ref('stg_finance__state') }} as state
        on state.mode = 'full'
),

-- an item ends where its replacement starts; one that is only announced has not started
replacements as (
    select
        replaces_item_id as item_id,
        min(effective_from) as replaced_on
    from items
    where replaces_item_id <> item_id and status <> 'future'
    group by replaces_item_id
),

-- a service end after the effective end may outlive the canceled version, but never run into terms that follow it
ordered as (
    select
        *,
        min(case when status <> 'canceled' then effective_from end) over (
            partition by item_id
            order by effective_from, version_no
            rows between 1 following and unbounded following
        ) as next_terms_from
    from items
),

ends as (
    select
        ordered.*,
        case
            when settings.churn_policy = 'service_end' then coalesce(ordered.service_end_date, ordered.effective_to)
            when settings.churn_policy = 'cancel_requested'
                then least(
                    coalesce(ordered.cancel_requested_at, {{ forever }}), coalesce(ordered.effective_to, {{ forever }})
                )
            else ordered.effective_to
        end as policy_end,
        case
            when ordered.status = 'past_due' then ordered.effective_from + settings.delinquency_grace_days
        end as grace_end,
        replacements.replaced_on
    from ordered
    cross join {{ ref('stg_company__settings') }} as settings
    left join replacements
        on ordered.item_id = replacements.item_id
),

served as (
    select
        *,
        least(
            coalesce(policy_end, {{ forever }}),
            coalesce(next_terms_from, {{ forever }}),
            coalesce(replaced_on, {{ forever }}),
            coalesce(vanished_on, {{ forever }})
        ) as ends_on
    from ends
),

priced as (
    select
        served.*,
        case
            when served.pricing_model = 'committed_usage' then {{ to_e12('served.committed_amount') }}
            when served.pricing_model = 'metered' then cast(0 as hugeint)
            else {{ to_e12('cast(served.quantity as decimal(38, 4)) * served.unit_amount') }}
        end as interval_amount_e12,
        {{ term_month_days('served.term_start', 'served.term_end') }} as term_month_days,
        {{ term_days('served.term_start', 'served.term_end') }} as term_days
    from served
),

-- intervals a year, as a fraction, so that a third of a year stays exact
annualised as (
    select
        priced.*,
        case priced.billing_interval
            when 'year' then 1
            when 'month' then 12
            when 'week' then 52
            when 'day' then 365
            when 'term' then 12 * priced.term_month_days
        end as annual_numerator,
        case
            when priced.billing_interval = 'term' then nullif(greatest(priced.term_days, 0), 0)
            else nullif(priced.interval_count, 0)
        end as annual_denominator
    from priced
)

select
    -- a number for the version, because many months by an id of eighteen letters are dear to write and to compare
    cast(row_number() over (order by annualised.item_id, annualised.version_no) as integer) as version_key,
    annualised.item_id,
    annualised.version_no,
    annualised.subscription_id,
    annualised.account_id,
    annualised.product_id,
    annualised.status,
    annualised.currency,
    annualised.signed_date,
    annualised.cancel_requested_at,
    annualised.vanished_on,
    annualised.end_reason,
    annualised.replaces_item_id,
    annualised.effective_from,
    least(annualised.ends_on, coalesce(annualised.grace_end, {{ forever }})) as service_to,
    coalesce(annualised.grace_end < annualised.ends_on, false) as is_ended_by_grace,
    annualised.status in ('active', 'past_due') as is_counted,
    annualised.annual_numerator,
    annualised.annual_denominator,
    case
        when not coalesce(products.is_recurring, true) then cast(0 as hugeint)
        else {{ divide_half_up(
            'annualised.interval_amount_e12 * annualised.annual_numerator', 'annualised.annual_denominator'
        ) }}
    end as gross_annual_e12
from annualised
left join {{ ref('int_money__products') }} as products
    on annualised.product_id = products.product_id
        and annualised.effective_from >= products.valid_from
        and annualised.effective_from < products.valid_to
