-- Releases, campaigns and incidents that may explain a change.
select
    launch_id,
    launch_name,
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
from {{ ref('stg_company__launches') }}
