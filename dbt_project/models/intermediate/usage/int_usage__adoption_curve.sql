-- The Kaplan-Meier curve of a feature in a segment: after so many days the share that has not adopted it yet, product of
-- (1 - adopters / accounts at risk) over the days with an adopter. A row per number of days on which a clock stopped.
with stops as (
    select
        segment_set, feature_key, observed_days,
        count(*) as stopped,
        count_if(is_adopted) as adopters
    from {{ ref('int_usage__adoption_clock') }}
    where not is_left_out
    group by segment_set, feature_key, observed_days
),

-- an account has one clock per feature, in one combination of segments, so these sums count nobody twice
spread as (
    select
        members.dimension, members.segment, members.is_total, stops.feature_key, stops.observed_days,
        sum(stops.stopped) as stopped,
        sum(stops.adopters) as adopters
    from stops
    inner join {{ ref('int_usage__segment_set_members') }} as members on stops.segment_set = members.segment_set
    group by members.dimension, members.segment, members.is_total, stops.feature_key, stops.observed_days
),

-- who stops on a day was still at risk on it
risks as (
    select
        *,
        sum(stopped) over (
            partition by dimension, segment, feature_key order by observed_days desc
            rows between unbounded preceding and current row
        ) as at_risk
    from spread
)

select
    dimension,
    segment,
    is_total,
    feature_key,
    observed_days,
    cast(at_risk as bigint) as at_risk,
    cast(stopped as bigint) as stopped,
    cast(adopters as bigint) as adopters,
    product(1 - adopters / at_risk) over (
        partition by dimension, segment, feature_key order by observed_days
        rows between unbounded preceding and current row
    ) as survival
from risks
