-- Every date of the fiscal years that hold money or usage. A fiscal year is named by the calendar year it ends in.
with settings as (
    select week_starts_on, fiscal_year_starts_in
    from {{ ref('stg_company__settings') }}
),

span as (
    select
        min(month_start) as first_month_start,
        max(month_start) as last_month_start
    from {{ ref('int_calendar__months') }}
),

-- months since the fiscal year began, so that whole fiscal years are covered
fiscal as (
    select
        settings.week_starts_on,
        settings.fiscal_year_starts_in,
        span.first_month_start,
        span.last_month_start,
        (extract(month from span.first_month_start) - settings.fiscal_year_starts_in + 12) % 12 as months_before,
        (extract(month from span.last_month_start) - settings.fiscal_year_starts_in + 12) % 12 as months_after
    from span
    cross join settings
),

dates as (
    select
        week_starts_on,
        fiscal_year_starts_in,
        cast(
            unnest(
                generate_series(
                    {{ dbt.dateadd('month', '-months_before', 'first_month_start') }},
                    {{ dbt.dateadd('month', '12 - months_after', 'last_month_start') }} - interval 1 day,
                    interval 1 day
                )
            ) as date
        ) as calendar_date
    from fiscal
),

numbered as (
    select
        calendar_date,
        week_starts_on,
        cast({{ dbt.date_trunc('month', 'calendar_date') }} as date) as month_start,
        cast((extract(month from calendar_date) - fiscal_year_starts_in + 12) % 12 as integer) as fiscal_month_index,
        cast(extract(year from calendar_date) as integer) as calendar_year,
        cast(extract(month from calendar_date) as integer) as calendar_month,
        fiscal_year_starts_in
    from dates
),

labelled as (
    select
        calendar_date,
        month_start,
        -- a truncated week begins on Monday; a week from Sunday is the same, seen one day later
        case
            when week_starts_on = 'sunday'
                then cast({{ dbt.date_trunc('week', 'calendar_date + 1') }} as date) - 1
            else cast({{ dbt.date_trunc('week', 'calendar_date') }} as date)
        end as week_start,
        cast({{ dbt.dateadd('month', '-(fiscal_month_index % 3)', 'month_start') }} as date) as quarter_start,
        cast({{ dbt.dateadd('month', '-fiscal_month_index', 'month_start') }} as date) as fiscal_year_start,
        fiscal_month_index // 3 + 1 as fiscal_quarter,
        case
            when fiscal_year_starts_in > 1 and calendar_month >= fiscal_year_starts_in then calendar_year + 1
            else calendar_year
        end as fiscal_year
    from numbered
)

select
    calendar_date,
    week_start,
    month_start,
    quarter_start,
    'FY' || cast(fiscal_year as varchar) || ' Q' || cast(fiscal_quarter as varchar) as quarter_label,
    fiscal_year_start,
    fiscal_year,
    fiscal_quarter
from labelled
