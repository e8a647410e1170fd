{# First day of the week of a date. A truncated week begins on Monday; a week from Sunday is the same, seen a day later. #}
{% macro week_start(date_column, week_starts_on) -%}
    case
        when {{ week_starts_on }} = 'sunday'
            then cast({{ dbt.date_trunc('week', date_column ~ ' + 1') }} as date) - 1
        else cast({{ dbt.date_trunc('week', date_column) }} as date)
    end
{%- endmacro %}
