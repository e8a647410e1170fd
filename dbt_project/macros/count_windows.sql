{# For every date of a month the rows with a day in the window of so many days that ends on it, as an array. The column
   days holds bits, bit 27 is the first of the month. #}
{% macro count_windows(name, length) -%}
    cast([
        {%- for day in range(31) -%}
            count_if((days & {{ (2 ** length - 1) * 2 ** (day + 28 - length) }}) <> 0){{ ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}
{%- endmacro %}
