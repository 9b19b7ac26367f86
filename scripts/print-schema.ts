/** `npm run generate` writes the schema's print to `schema.graphql`, for people, clients and reviews. */
import { writeFileSync } from 'node:fs'
import { printSchema } from 'graphql'
import { schema } from '../src/graphql/schema.js'

writeFileSync('schema.graphql', `${printSchema(schema)}\n`)
