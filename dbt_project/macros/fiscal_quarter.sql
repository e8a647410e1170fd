{# First day of the fiscal quarter of a date; the fiscal year starts in the month of that number (1 to 12). #}
{% macro fiscal_quarter_start(date_column, fiscal_year_starts_in) -%}
    cast(
        {{ dbt.date_trunc('month', date_column) }}
        - to_months(cast((extract(month from {{ date_column }}) - {{ fiscal_year_starts_in }} + 12) % 3 as integer))
        as date
    )
{%- endmacro %}
