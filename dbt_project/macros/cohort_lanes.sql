{# The 25 to 31 bits of `following` are counted three at a time, in lanes of 21 bits of one number. Groups hold a block of
   2^20 units at most, so no lane runs over into the next. #}
{% macro lanes(grain) -%}{{- return((cohort_lengths()[grain] + 3) // 3) -}}{%- endmacro %}

{% macro count_block(unit_no) -%}{{ unit_no }} // {{ 2 ** 20 }}{%- endmacro %}

{% macro into_lanes(grain, following) -%}
    {%- set width = lanes(grain) -%}
    {%- set mask = 2 ** width - 1 -%}
    ({{ following }} & {{ mask }})
    | (({{ following }} >> {{ width }} & {{ mask }}) << 21)
    | (({{ following }} >> {{ 2 * width }} & {{ mask }}) << 42)
{%- endmacro %}

{% macro count_lanes(grain) -%}
    {%- for n in range(lanes(grain)) -%}
        cast(sum(lanes >> {{ n }} & {{ 1 + 2 ** 21 + 2 ** 42 }}) as bigint) as lanes_{{ n }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro sum_lanes(grain) -%}
    {%- for n in range(lanes(grain)) -%}
        cast(sum(lanes_{{ n }}) as bigint) as lanes_{{ n }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Two arrays by number of periods later: of the units whose first use ever it was, and of all. #}
{% macro counts_by_period(grain) -%}
    {%- set width = lanes(grain) -%}
    {%- for name, filter in [('first_time', ' filter (where is_first)'), ('recurring', '')] -%}
    cast([
        {%- for n in range(cohort_lengths()[grain] + 1) -%}
            coalesce(sum(lanes_{{ n % width }} >> {{ n // width * 21 }} & {{ 2 ** 21 - 1 }}){{ filter }}, 0)
            {{- ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
