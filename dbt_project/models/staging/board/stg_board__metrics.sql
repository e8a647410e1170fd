-- The board's metrics as the registry defines them, with the order and the targets of board.yaml.
select
    metric_key,
    metric_name,
    kind,
    unit,
    quarter_rule,
    direction,
    owner,
    definition,
    definition_hash,
    board_position,
    publish_group,
    target
from {{ source('board', 'board_metrics') }}
