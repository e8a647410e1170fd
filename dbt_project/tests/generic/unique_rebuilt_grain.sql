{# As unique_grain, for a table of which a run redoes some dates: only the redone rows are looked at. The columns hold
   the date, so that a row that stayed cannot equal one that was redone. #}
{% test unique_rebuilt_grain(model, columns, rebuild_column, rebuild_layer, rebuild_truncate=none) %}
{% set planned = planned_predicate(rebuild_column, rebuild_layer, rebuild_truncate) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
where {{ 'true' if flags.FULL_REFRESH else planned }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
