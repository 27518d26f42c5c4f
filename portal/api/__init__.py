"""The portal's GraphQL: schema, documents, the walk from operation to question, HTTP."""
