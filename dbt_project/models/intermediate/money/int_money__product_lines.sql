-- Which product lines a product's money belongs to, by date. A bundle is shared out from its first allocation on;
-- before that, and for every other product, the whole goes to the product's own line.
{% set forever = "date '9999-12-31'" %}

with bundle_lines as (
    select
        bundle_product_id as product_id,
        product_line,
        valid_from,
        sum(share) as share
    from {{ ref('stg_finance__bundle_allocation') }}
    group by bundle_product_id, product_line, valid_from
),

bundle_periods as (
    select
        product_id,
        valid_from,
        sum(share) as all_shares,
        lead(valid_from, 1, {{ forever }}) over (partition by product_id order by valid_from) as valid_to,
        min(valid_from) over (partition by product_id) as first_valid_from
    from bundle_lines
    group by product_id, valid_from
),

unbundled as (
    select
        products.product_id,
        products.product_line,
        cast(1 as decimal(18, 8)) as share,
        cast(1 as decimal(18, 8)) as all_shares,
        products.valid_from,
        least(products.valid_to, coalesce(bundles.first_valid_from, {{ forever }})) as valid_to
    from {{ ref('int_money__products') }} as products
    left join (select distinct product_id, first_valid_from from bundle_periods) as bundles
        on products.product_id = bundles.product_id
),

bundled as (
    select
        lines.product_id,
        lines.product_line,
        lines.share,
        cast(periods.all_shares as decimal(18, 8)) as all_shares,
        periods.valid_from,
        periods.valid_to
    from bundle_lines as lines
    inner join bundle_periods as periods
        on lines.product_id = periods.product_id
            and lines.valid_from = periods.valid_from
),

lines as (
    select product_id, product_line, share, all_shares, valid_from, valid_to
    from unbundled
    where valid_from < valid_to

    union all

    select product_id, product_line, share, all_shares, valid_from, valid_to
    from bundled
)

select
    product_id,
    product_line,
    share,
    all_shares,
    cast(cast(share as decimal(38, 8)) * 100000000 as bigint) as share_e8,
    cast(cast(all_shares as decimal(38, 8)) * 100000000 as bigint) as all_shares_e8,
    valid_from,
    valid_to
from lines
