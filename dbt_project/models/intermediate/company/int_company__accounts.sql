-- Customer accounts with the root of their family. Internal test accounts are left out here, once, for every mart.
with recursive customers as (
    select
        account_id,
        account_name,
        crm_id,
        billing_country,
        created_date,
        parent_account_id
    from {{ ref('stg_finance__accounts') }}
    where not is_internal_test
),

-- a parent that is not a customer account (unknown, internal) ends the climb at its child
parents as (
    select
        child.account_id,
        parent.account_id as parent_account_id
    from customers as child
    left join customers as parent
        on child.parent_account_id = parent.account_id
),

-- one step up a round; a parent already on the path is a cycle, and the climb ends there
climb as (
    select
        account_id,
        account_id as top_account_id,
        [account_id] as path
    from parents

    union all

    select
        climb.account_id,
        parents.parent_account_id as top_account_id,
        list_append(climb.path, parents.parent_account_id) as path
    from climb
    inner join parents
        on climb.top_account_id = parents.account_id
    where parents.parent_account_id is not null
        and not list_contains(climb.path, parents.parent_account_id)
),

tops as (
    select
        account_id,
        top_account_id,
        path
    from climb
    qualify row_number() over (partition by account_id order by len(path) desc) = 1
),

-- in a cycle no account is the top: the least id of the cycle stands for it, whichever member the climb began at
roots as (
    select
        tops.account_id,
        case
            when parents.parent_account_id is null then tops.top_account_id
            else list_min(list_slice(tops.path, list_position(tops.path, parents.parent_account_id), len(tops.path)))
        end as root_account_id
    from tops
    inner join parents
        on tops.top_account_id = parents.account_id
)

select
    customers.account_id,
    customers.account_name,
    customers.crm_id,
    case when internal.account_id is null then customers.parent_account_id end as parent_account_id,
    roots.root_account_id,
    customers.billing_country,
    customers.created_date
from customers
inner join roots
    on customers.account_id = roots.account_id
left join {{ ref('stg_finance__accounts') }} as internal
    on customers.parent_account_id = internal.account_id
        and internal.is_internal_test
