"""The V3 document: how it is made from evidence, what its fields are, and how it is read and proven again.

| module | what it holds |
|---|---|
| `sections` | every section as a frozen value: the one table of the document's keys |
| `schema` | the whole document, its digest, `validate` and the JSON Schema |
| `reading` | `read` and `Document`: typed sections beside the stored mapping |
| `configuration`, `validation_section`, `evidence_section` | evidence -> document |
| `unverified` | plain measures -> document |
| `rebuild` | document -> experiment, and `verify` |
| `figures`, `candles` | what charts draw and the document does not hold |
| `performance` | what figures say in numbers: months, falls, groups of trades |
| `explained` | stored sentences as a trader reads them |

Another kind of document (parameters by session of the day) gets modules of its own beside these: sections, builder,
reader. Nothing here assumes that there is one kind only.
"""

from assay.documents.reading import Document, TrainedDocument, UnverifiedDocument, read

__all__ = ["Document", "TrainedDocument", "UnverifiedDocument", "read"]
