{# Millionths of a currency in millionths of the reporting currency, rounded half up. As in e12_to_money a double
   decides where it can: below a trillion it is wrong by far less than a hundredth, so only nearer than that to a half
   (and above a trillion) the exact decimal decides, which divides 128-bit numbers and takes twenty times as long. #}
{% macro reporting_e6(amount_e6, rate) -%}
{%- set units = "(cast(" ~ amount_e6 ~ " as double) * cast(" ~ rate ~ " as double))" -%}
    case
        when abs({{ units }}) < 1e12 and abs(abs({{ units }}) - floor(abs({{ units }})) - 0.5) > 1e-2
            then cast(round({{ units }}) as bigint)
        else cast(round({{ amount_e6 }} * {{ rate }}) as bigint)
    end
{%- endmacro %}
