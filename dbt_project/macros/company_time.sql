{# A setting of the company as a literal, for where a column would keep the engine from planning ahead: a constant zone
   converts tens of millions of timestamps a second, a zone read from a column does not. Nothing is read while parsing. #}
{% macro company_setting(name, while_parsing) -%}
    {%- set company = source('company', 'company') -%}
    {%- if not execute -%}{{- return(while_parsing) -}}{%- endif -%}
    {{- return(run_query("select " ~ name ~ " from " ~ company).rows[0][0]) -}}
{%- endmacro %}

{% macro company_time_zone() -%}
    {{- return(company_setting('time_zone', 'UTC')) -}}
{%- endmacro %}

{# A UTC timestamp (without zone) as the company's wall clock, daylight saving included. #}
{% macro to_company_time(utc_timestamp) -%}
    timezone({{ dbt.string_literal(company_time_zone()) }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}
