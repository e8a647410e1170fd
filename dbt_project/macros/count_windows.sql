{# For every date of a month the rows with a day in the window of so many days that ends on it, as an array. The column
   days holds bits, bit 27 is the first of the month. #}
{% macro count_windows(name, length) -%}
    cast([
        {%- for day in range(31) -%}
            count_if((days & {{ (2 ** length - 1) * 2 ** (day + 28 - length) }}) <> 0){{ ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}
{%- endmacro %}

{# The dates of a half-open range as bits: bit 0 is the given first date, and there are so many of them. A range that ends
   before it begins has none. #}
{% macro date_bits(from_date, to_date, first_date, length) -%}
    greatest(
        0,
        (cast(1 as bigint) << cast(least(greatest({{ to_date }} - ({{ first_date }}), 0), {{ length }}) as bigint))
        - (cast(1 as bigint) << cast(least(greatest({{ from_date }} - ({{ first_date }}), 0), {{ length }}) as bigint))
    )
{%- endmacro %}

{# Rows with a day both in a window of so many days and in the window before it, for windows one after the other; the
   first ends so many days after the first of the month. #}
{% macro count_returning(name, length, windows, first_end='0') -%}
    cast([
        {%- for number in range(windows) -%}
            {%- set window = (2 ** length - 1) * 2 ** (number * length + 28 - length) -%}
            {%- set bits = 'days' if first_end == '0' else '(days >> ' ~ first_end ~ ')' -%}
            count_if(({{ bits }} & {{ window }}) <> 0 and ({{ bits }} & {{ window // 2 ** length }}) <> 0)
            {{- ', ' if not loop.last }}
        {%- endfor -%}
    ] as bigint[]) as {{ name }}
{%- endmacro %}
