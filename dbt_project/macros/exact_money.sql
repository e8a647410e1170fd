{# Money before rounding is held as a whole number of 1e-12 currency units in a HUGEINT (columns `…_e12`): adding and
   multiplying are exact, and a quotient is rounded only there. DuckDB's decimal division would give a DOUBLE, which
   loses the half cents that rounding half up depends on. #}

{# A quotient of whole numbers, rounded half up (halves away from zero); the denominator is positive. Most denominators
   are one, and a 128-bit division takes a microsecond. #}
{% macro divide_half_up(numerator, denominator) -%}
    case
        when {{ denominator }} = 1 then {{ numerator }}
        else
            sign({{ numerator }})
            * ((2 * abs({{ numerator }}) + {{ denominator }}) // nullif(2 * ({{ denominator }}), 0))
    end
{%- endmacro %}

{# A decimal as a whole number of 1e-12 units. #}
{% macro to_e12(amount) -%}
    (cast(cast({{ amount }} as decimal(38, 8)) * 100000000 as hugeint) * 10000)
{%- endmacro %}

{# Cents, half up, at an exchange rate of eight decimals. A double decides where it can: below a billion it is wrong by
   less than a ten-thousandth of a cent, so nearer than a thousandth to a half cent (and above a billion) the exact
   decimal decides instead. The exact way divides 128-bit numbers, which takes twenty times as long. #}
{% macro e12_to_money(amount_e12, rate="cast(1 as decimal(18, 8))") -%}
{%- set units = "(cast(" ~ amount_e12 ~ " as double) * 1e-12 * cast(" ~ rate ~ " as double))" -%}
    case
        when abs({{ units }}) < 1e9 and abs(abs({{ units }} * 100) - floor(abs({{ units }} * 100)) - 0.5) > 1e-3
            then cast({{ units }} as decimal(18, 2))
        else {{ e12_to_money_exactly(amount_e12, rate) }}
    end
{%- endmacro %}

{# A sum of thirds may miss a half cent by the last of its twelve digits, so it is first brought back to eight digits. #}
{% macro e12_to_money_exactly(amount_e12, rate) -%}
    cast(
        round(
            round(cast({{ amount_e12 }} as decimal(38, 0)) * cast('0.000000000001' as decimal(12, 12)) * {{ rate }}, 8), 2
        ) as decimal(18, 2)
    )
{%- endmacro %}

{# The part of an amount that a share of all shares takes, both as whole numbers of 1e-8. Shares that do not quite sum
   to one (three thirds) still share out the whole amount. Most measures of a row are zero or equal to another: a zero
   is not worth a 128-bit division. #}
{% macro share_e12(amount_e12, share_e8, all_shares_e8) -%}
    case
        when {{ amount_e12 }} = 0 or {{ share_e8 }} = {{ all_shares_e8 }} then {{ amount_e12 }}
        else {{ divide_half_up("(" ~ amount_e12 ~ " * " ~ share_e8 ~ ")", all_shares_e8) }}
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

{# A part of an amount by days, in the same units. By a double: its error, 1e-16 of the amount, is far below the eighth
   digit that cents are decided at, and whole numbers add up the same in any order. #}
{% macro part_e12(amount_e12, part, whole) -%}
    cast(round(cast({{ amount_e12 }} as double) * ({{ part }}) / nullif({{ whole }}, 0)) as hugeint)
{%- endmacro %}
