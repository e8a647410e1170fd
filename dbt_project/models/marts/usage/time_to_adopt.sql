-- How fast accounts adopt a feature once they can: read off the Kaplan-Meier curve, which counts an account that has not
-- adopted for as long as it was watched, and no longer.
{% set horizons = [7, 28, 90] %}

with read_off as (
    select
        dimension, segment, feature_key,
        sum(stopped) as accounts,
        sum(adopters) as adopters,
        -- a share of exactly one half may be off by the last digit
        min(case when survival <= 0.5 + 1e-9 then observed_days end) as median_days,
        max(observed_days) as longest,
        min(survival) as last_survival,
        {% for days in horizons -%}
        coalesce(min(case when observed_days <= {{ days }} then survival end), 1) as survival_{{ days }}d{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_usage__adoption_curve') }}
    group by dimension, segment, feature_key
),

-- every cell that somebody's clock is about, left out or not
clocks as (
    select segment_set, feature_key, count_if(is_left_out) as accounts_left_out
    from {{ ref('int_usage__adoption_clock') }}
    group by segment_set, feature_key
),

cells as (
    select
        members.dimension, members.segment, members.is_total, clocks.feature_key,
        sum(clocks.accounts_left_out) as accounts_left_out
    from clocks
    inner join {{ ref('int_usage__segment_set_members') }} as members on clocks.segment_set = members.segment_set
    group by members.dimension, members.segment, members.is_total, clocks.feature_key
)

select
    cells.dimension,
    cells.segment,
    cells.is_total,
    cells.feature_key,
    cast(coalesce(read_off.accounts, 0) as bigint) as accounts,
    cast(coalesce(read_off.adopters, 0) as bigint) as adopters,
    cast(cells.accounts_left_out as bigint) as accounts_left_out,
    cast(read_off.median_days as bigint) as median_days,
    {% for days in horizons -%}
    case
        when read_off.longest >= {{ days }} or read_off.last_survival = 0 then 1 - read_off.survival_{{ days }}d
    end as adopted_by_{{ days }}d,
    {% endfor -%}
    coalesce(read_off.accounts, 0) < 10 as is_small
from cells
left join read_off
    on cells.dimension = read_off.dimension
        and cells.segment = read_off.segment
        and cells.feature_key = read_off.feature_key
