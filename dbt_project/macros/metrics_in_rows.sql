{# The metrics of a wide relation of cells and months as rows. `metrics` maps a metric to its numerator, and for a rate to
   its denominator and the accounts it speaks of. #}
{% macro metrics_in_rows(relation, metrics, scope, scope_key, condition) %}
{%- for metric_key, parts in metrics.items() %}
select
    month_start,
    '{{ metric_key }}' as metric_key,
    dimension,
    segment,
    {{ scope }} as scope,
    {{ scope_key }} as scope_key,
    cast({{ parts[0] }} as decimal(18, 2)) as numerator,
    cast({{ parts[1] | default('null') }} as decimal(18, 2)) as denominator,
    cast({{ parts[2] | default('null') }} as bigint) as accounts
from {{ relation }}
where {{ condition }}
{{ "union all" if not loop.last }}
{%- endfor %}
{% endmacro %}
