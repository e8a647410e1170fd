{# Months between the two month ends that retention compares. #}
{% macro retention_windows() -%}
    {{ return([1, 3, 12]) }}
{%- endmacro %}

{# Months as consecutive whole numbers: joining a month with the one n months later is then adding n. #}
{% macro month_number(date_column) -%}
    cast(extract(year from {{ date_column }}) * 12 + extract(month from {{ date_column }}) as integer)
{%- endmacro %}
