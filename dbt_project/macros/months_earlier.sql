{# The value of the same figure so many months earlier; null where there is none. #}
{% macro months_earlier(months) -%}
    max(value) over (
        partition by period_type, metric_key, dimension, segment, scope, scope_key
        order by period_start
        range between interval {{ months }} month preceding and interval {{ months }} month preceding
    )
{%- endmacro %}
