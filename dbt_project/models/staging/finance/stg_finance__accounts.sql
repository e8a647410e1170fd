select
    account_id,
    account_name,
    parent_account_id,
    crm_id,
    billing_country,
    created_date,
    coalesce(is_internal_test, false) as is_internal_test
from {{ source('finance', 'accounts') }}
