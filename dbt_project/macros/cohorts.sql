{# Cohorts are followed over so many periods after their own. #}
{% macro cohort_lengths() %}
    {{- return({'day': 30, 'week': 26, 'month': 24}) -}}
{%- endmacro %}

{# The last date on which a cohort is looked at: it is counted again while that lies among the redone dates. #}
{% macro cohort_end(grain, cohort_start) -%}
    {%- set length = cohort_lengths()[grain] -%}
    {%- if grain == 'month' -%}
        {{ dbt.last_day(dbt.dateadd('month', length, cohort_start), 'month') }}
    {%- else -%}
        {{ cohort_start }} + {{ (length + 1) * 7 - 1 if grain == 'week' else length }}
    {%- endif -%}
{%- endmacro %}

{# The months to read for such cohorts; a literal, like every date that tells the engine what to skip. #}
{% macro cohort_months(grain, column) -%}
    {%- if execute and not is_incremental() -%}{{- return('true') -}}{%- endif -%}
    {%- set days = {'day': 31, 'week': 27 * 7, 'month': 25 * 31}[grain] -%}
    {{- return(column ~ " >= " ~ dbt.date_trunc('month', rebuild_start('marts') ~ " - " ~ days)) -}}
{%- endmacro %}

{# The periods of a month in use, from its days: bit 0 is the period that holds its first day, which is so many days
   into that period. #}
{% macro periods_in_use(grain, days, days_before) -%}
    {%- if grain == 'day' -%}
        {{ days }}
    {%- elif grain == 'month' -%}
        cast(1 as bigint)
    {%- else -%}
        {%- for week in range(6) -%}
            (cast(({{ days }} << {{ days_before }}) & {{ 127 * 2 ** (7 * week) }} <> 0 as bigint) << {{ week }})
            {{- ' | ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The same counts with the names that are published. #}
{% macro cohort_rows(grain) %}
select
    cohorts.cohort_start,
    {{ cohort_end(grain, 'cohorts.cohort_start') }} as followed_until,
    case when cohorts.is_user then 'user' else 'account' end as unit,
    cohorts.dimension,
    cohorts.segment,
    cohorts.is_total,
    scopes.scope,
    scopes.scope_key,
    cohorts.first_time,
    cohorts.recurring
from cohorts
inner join (select distinct scope_no, scope, scope_key from {{ ref('int_usage__feature_scopes') }}) as scopes
    on cohorts.scope_no = scopes.scope_no
where {{ rebuild_predicate('followed_until', 'marts') }}
{% endmacro %}
