{# What is new: the last seven upload days up to the newest landed one. Drift is a change, not a state: what came before
   them is what they are compared with, and wall clock is not asked. No row before anything was landed. #}
{% macro drift_window() -%}
    select
        cast(max(upload_hour) as date) - 6 as starts_on,
        cast(max(upload_hour) as date) as ends_on,
        cast(min(upload_hour) as date) as history_from
    from {{ source('amplitude', 'amplitude_hours') }}
    where state in ('loaded', 'partial', 'accepted')
    having count(*) > 0
{%- endmacro %}

{# Who is to be told, from rows of the registry: their teams and owners, with the features; the data team when no row
   has any. #}
{% macro drift_owner(rules) -%}
    coalesce(
        string_agg(
            distinct coalesce('team ' || {{ rules }}.team, {{ rules }}.owner, 'data team')
            || ' (feature ' || {{ rules }}.feature_key || ')', ', '
            order by coalesce('team ' || {{ rules }}.team, {{ rules }}.owner, 'data team')
            || ' (feature ' || {{ rules }}.feature_key || ')'
        ) filter (where {{ rules }}.feature_key is not null),
        'data team'
    )
{%- endmacro %}
