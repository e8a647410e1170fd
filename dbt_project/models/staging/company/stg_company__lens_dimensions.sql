select
    position,
    dimension
from {{ source('company', 'lens_dimensions') }}
