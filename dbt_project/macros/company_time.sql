{# The company's time zone as a literal: a constant zone converts tens of millions of timestamps a second,
   a zone read from a column does not. While parsing nothing is read. #}
{% macro company_time_zone() -%}
    {%- set company = source('company', 'company') -%}
    {%- if not execute -%}{{- return('UTC') -}}{%- endif -%}
    {{- return(run_query("select time_zone from " ~ company).rows[0][0]) -}}
{%- endmacro %}

{# A UTC timestamp (without zone) as the company's wall clock, daylight saving included. #}
{% macro to_company_time(utc_timestamp) -%}
    timezone({{ dbt.string_literal(company_time_zone()) }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}
