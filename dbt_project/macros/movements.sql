{# The classes of fct_arr_movement at product grain, in the order that a bridge is read. #}
{% macro product_movements() -%}
    {{ return([
        'new_logo', 'reactivation', 'cross_sell', 'product_winback', 'upsell', 'downsell', 'product_churn',
        'logo_churn', 'migration_in', 'migration_out', 'fx',
    ]) }}
{%- endmacro %}

{# The product classes of a bridge as columns named <class>_arr: each `expression` with the class in the place of %s. #}
{% macro product_movement_columns(expression, prefix='') -%}
    {% for movement in product_movements() -%}
    {{ prefix }}{{ expression | replace('%s', movement) }} as {{ movement }}_arr{{ "," if not loop.last }}
    {% endfor %}
{%- endmacro %}
