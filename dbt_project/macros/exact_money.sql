{# Money before rounding is held as a whole number of 1e-12 currency units in a HUGEINT (columns `…_e12`): adding and
   multiplying are exact, and a quotient is rounded only there. DuckDB's decimal division would give a DOUBLE, which
   loses the half cents that rounding half up depends on. #}

{# A quotient of whole numbers, rounded half up (halves away from zero); the denominator is positive. #}
{% macro divide_half_up(numerator, denominator) -%}
    (
        sign({{ numerator }})
        * ((2 * abs({{ numerator }}) + {{ denominator }}) // nullif(2 * ({{ denominator }}), 0))
    )
{%- endmacro %}

{# A decimal as a whole number of 1e-12 units. #}
{% macro to_e12(amount) -%}
    (cast(cast({{ amount }} as decimal(38, 8)) * 100000000 as hugeint) * 10000)
{%- endmacro %}

{# Cents, half up, at an exchange rate of eight decimals. A sum of thirds may miss a half cent by the last of its twelve
   digits, so it is first brought back to eight digits. #}
{% macro e12_to_money(amount_e12, rate="cast(1 as decimal(18, 8))") -%}
    cast(
        round(
            round(cast({{ amount_e12 }} as decimal(38, 0)) * cast('0.000000000001' as decimal(12, 12)) * {{ rate }}, 8), 2
        ) as decimal(18, 2)
    )
{%- endmacro %}

{# The part of an amount that a share of all shares takes; without an allocation the whole. Shares that do not quite
   sum to one (three thirds) still share out the whole amount. #}
{% macro share_e12(amount_e12, share, all_shares) -%}
    case
        when {{ share }} is null or {{ share }} = {{ all_shares }} then {{ amount_e12 }}
        else {{ divide_half_up(
            "(" ~ amount_e12 ~ " * cast(cast(" ~ share ~ " as decimal(38, 8)) * 100000000 as hugeint))",
            "cast(cast(" ~ all_shares ~ " as decimal(38, 8)) * 100000000 as hugeint)"
        ) }}
    end
{%- endmacro %}

{# The measures that fct_arr_month states beside each other, in the order of its columns. #}
{% macro money_measures() -%}
    {{ return(['arr', 'gross_arr', 'arr_past_due', 'arr_at_notice', 'carr', 'usage_run_rate']) }}
{%- endmacro %}

{# Millionths of reporting currency, for figures that only name shares of a movement: whole numbers, so that sums of
   them do not depend on the order of rows. #}
{% macro e12_to_e6(amount_e12, rate) -%}
    cast(round(cast({{ amount_e12 }} as double) * cast({{ rate }} as double) / 1000000) as hugeint)
{%- endmacro %}

{# Millionths as cents. #}
{% macro e6_to_money(amount_e6) -%}
    cast(
        round(cast({{ amount_e6 }} as decimal(32, 0)) * cast('0.000001' as decimal(6, 6)), 2) as decimal(18, 2)
    )
{%- endmacro %}
