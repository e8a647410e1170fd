{# Rebuilding only what changed. A model names in its meta the column its rows are dated by and the layer of the
   rebuild plan that says which of them are redone:

     config(materialized='incremental', incremental_strategy='rebuild',
            meta={'rebuild_column': 'local_date', 'rebuild_layer': 'activity'})

   and filters what it reads with rebuild_predicate(). The same predicate deletes the rows that are replaced, so a
   killed run is mended by running it again. Dates are literals: only then does the engine skip the row groups of
   every other date. #}

{# Layer events comes from the planner; identity adds the dates of anonymous events that are somebody else's now, the
   others what attribution drags along. #}
{% macro rebuild_dates(layer) -%}
    {%- if layer == 'events' -%}
        {%- set plan = source('amplitude', 'rebuild_plan') -%}
    {%- elif layer == 'identity' -%}
        {%- set plan = ref('int_usage__identity_dates') -%}
    {%- else -%}
        {%- set plan = ref('int_usage__rebuild_dates') -%}
    {%- endif -%}
    {%- set planned_layer = 'activity' if layer == 'identity' else layer -%}
    {%- if not execute -%}{{- return([]) -}}{%- endif -%}
    {%- set query -%}
        select distinct local_date from {{ plan }} where layer = '{{ planned_layer }}' order by local_date
    {%- endset -%}
    {{- return(run_query(query).columns[0].values() | map('string') | list) -}}
{%- endmacro %}

{# Which rows are redone: exact dates for the layers events, identity and activity; everything from the earliest
   date on for marts and adoption; whole months with truncate='month'. #}
{% macro planned_predicate(column, layer, truncate=none) -%}
    {%- set dates = rebuild_dates(layer) -%}
    {%- if not dates -%}
        {{- return('false') -}}
    {%- elif layer in ('marts', 'adoption') -%}
        {{- return(column ~ " >= " ~ rebuild_start(layer, truncate)) -}}
    {%- elif truncate == 'month' -%}
        {%- set months = [] -%}
        {%- for date in dates if date[:8] ~ '01' not in months -%}
            {%- do months.append(date[:8] ~ '01') -%}
        {%- endfor -%}
        {{- return(column ~ " in (date '" ~ months | join("', date '") ~ "')") -}}
    {%- endif -%}
    {{- return(
        column ~ " between date '" ~ dates[0] ~ "' and date '" ~ dates[-1] ~ "' and "
        ~ column ~ " in (date '" ~ dates | join("', date '") ~ "')"
    ) -}}
{%- endmacro %}

{# The same, and every row on a full refresh. #}
{% macro rebuild_predicate(column, layer, truncate=none) -%}
    {%- if execute and not is_incremental() -%}{{- return('true') -}}{%- endif -%}
    {{- return(planned_predicate(column, layer, truncate)) -}}
{%- endmacro %}

{# The earliest redone date as a literal. #}
{% macro rebuild_start(layer, truncate=none) -%}
    {%- set dates = rebuild_dates(layer) or ['9999-12-31'] -%}
    {{- return("date '" ~ (dates[0][:8] ~ '01' if truncate == 'month' else dates[0]) ~ "'") -}}
{%- endmacro %}

{# The incremental strategy 'rebuild': delete the rows that are redone, insert what the model made of them. #}
{% macro get_incremental_rebuild_sql(arg_dict) -%}
    {%- set meta = config.get('meta') -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ rebuild_predicate(meta['rebuild_column'], meta['rebuild_layer'], meta.get('rebuild_truncate')) }};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{%- endmacro %}
