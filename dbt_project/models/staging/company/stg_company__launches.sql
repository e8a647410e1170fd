-- The rows of launches.csv. An empty list means all.
select
    launch_id,
    name as launch_name,
    kind,
    starts_on,
    ends_on,
    segments,
    features,
    metrics,
    expected_direction,
    expected_lag_days,
    owner,
    url
from {{ source('company', 'launches') }}
