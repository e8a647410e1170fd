-- What the money marts were computed from: finance delivery, policies and models, each as a hash. One row.
select
    state.as_of,
    settings.reporting_currency,
    state.source_hash,
    md5(
        concat_ws(
            '|',
            settings.reporting_currency,
            settings.discount_policy,
            settings.churn_policy,
            coalesce(cast(settings.delinquency_grace_days as varchar), 'no limit'),
            coalesce(cast(settings.reactivation_new_after_days as varchar), 'never')
        )
    ) as policy_hash,
    closes_state.definition_hash
from {{ ref('stg_finance__state') }} as state
cross join {{ ref('stg_company__settings') }} as settings
cross join {{ ref('stg_closes__state') }} as closes_state
