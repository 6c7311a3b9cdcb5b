"""Write the JSON Schema of the V3 document into docs/; a test keeps the file equal to the code."""

import json
from pathlib import Path

from assay.documents.configuration import json_schema

PATH = Path(__file__).resolve().parent.parent / "docs" / "configuration-v3.schema.json"

if __name__ == "__main__":
    PATH.write_text(json.dumps(json_schema(), indent=2) + "\n")
