{# The months of a contract term [start, end) as an exact fraction term_days / term_month_days: whole months from the
   start, and the days left over measured against the length of the month they fall in. So twelve months from any day
   are twelve, and half of a 30-day month is 15/30. Null without both dates. #}

{% macro _after_whole_months(term_start, term_end, more=0) -%}
    cast({{ term_start }} + to_months(cast(datesub('month', {{ term_start }}, {{ term_end }}) as integer) + {{ more }}) as date)
{%- endmacro %}

{# Length in days of the month that the days left over fall in. #}
{% macro term_month_days(term_start, term_end) -%}
    ({{ _after_whole_months(term_start, term_end, 1) }} - {{ _after_whole_months(term_start, term_end) }})
{%- endmacro %}

{# The term's length in days, had every month the length of term_month_days. #}
{% macro term_days(term_start, term_end) -%}
    (
        datesub('month', {{ term_start }}, {{ term_end }}) * {{ term_month_days(term_start, term_end) }}
        + ({{ term_end }} - {{ _after_whole_months(term_start, term_end) }})
    )
{%- endmacro %}

{# Months from start to end as a double, of which `whole` are whole ones. #}
{% macro months_between(start, end, whole) -%}
{%- set after = "cast(" ~ start ~ " + to_months(cast(" ~ whole ~ " as integer)) as date)" -%}
{%- set next = "cast(" ~ start ~ " + to_months(cast(" ~ whole ~ " + 1 as integer)) as date)" -%}
    ({{ whole }} + ({{ end }} - {{ after }}) / nullif(cast({{ next }} - {{ after }} as double), 0))
{%- endmacro %}
