{# A pattern in which only * and ? are wildcards, as a LIKE pattern to be used with escape '\':
   event type names hold brackets, percent signs and underscores, which stay literal. #}
{% macro glob_to_like(pattern) -%}
    translate(
        replace(replace(replace({{ pattern }}, '\', '\\'), '%', '\%'), '_', '\_'), '*?', '%_'
    )
{%- endmacro %}
