/** Events as the lines of a body that may be long, and is read as it arrives (NDJSON). */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ServiceError } from '../../errors.js'
import { importEvents, MAX_IMPORT_ERRORS, MAX_IMPORT_EVENTS } from '../../events/import.js'
import type { PublishManyContext } from '../../events/publish-many.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { problemBody, toProblem } from '../problem.js'

const LINES_TYPE = 'application/x-ndjson'

const count = z.int().min(0)

const importShape = z
  .object({
    accepted: count.meta({ description: 'New events.' }),
    deduplicated: count.meta({ description: 'Answered by an earlier event of the key.' }),
    rejected: count.meta({ description: 'Lines that were refused; all others are committed.' }),
    errors: z
      .array(z.object({ line: z.int().min(1).meta({ description: 'From 1.' }), error: problemBody }))
      .max(MAX_IMPORT_ERRORS)
      .meta({ description: `Of the rejected lines, the first ${MAX_IMPORT_ERRORS}.` }),
  })
  .meta({ id: 'ImportedEvents', description: 'What became of the lines.' })

export const eventImportRoutes =
  (context: PublishManyContext): FastifyPluginAsyncZod =>
  async (app) => {
    app.removeAllContentTypeParsers()
    // The body stays a stream.
    app.addContentTypeParser(LINES_TYPE, (_request, body, done) => done(null, body))
    app.addContentTypeParser('*', (_request, _body, done) =>
      done(
        new ServiceError(
          'UNSUPPORTED_MEDIA_TYPE',
          `Send an event in each line, as \`content-type: ${LINES_TYPE}\`.`,
        ),
      ),
    )
    app.post(
      '/events/import',
      {
        config: { scope: 'publish' },
        validatorCompiler: () => (input: unknown) => ({ value: input }),
        schema: {
          tags: ['Events'],
          operationId: 'importEvents',
          summary: 'Import events from lines',
          description:
            `Takes up to ${MAX_IMPORT_EVENTS.toLocaleString('en-US')} events, one in each line, and reads them as they arrive. ` +
            'Each is checked by itself. They are committed some at a time: after another answer than 200, and after none, ' +
            'the first lines may be published. Give an `eventId` with each, so that the import can be sent again.',
          consumes: [LINES_TYPE],
          body: z.string().meta({
            id: 'EventLines',
            description: 'Lines, each of which is a `NewEvent`.',
            examples: [
              '{"type": "user.created", "data": {"userId": "u_123"}, "eventId": "signup-123"}\n' +
                '{"type": "user.created", "data": {"userId": "u_124"}, "eventId": "signup-124"}\n',
            ],
          }),
          response: answers({ 200: importShape.describe('What became of the lines.') }, ...BODY_PROBLEMS),
        },
      },
      async ({ body, database }) => {
        const lines = (body ?? []) as unknown as AsyncIterable<Buffer>
        const { errors, ...counts } = await importEvents(context, lines, database)
        return { ...counts, errors: errors.map(({ line, error }) => ({ line, error: toProblem(error) })) }
      },
    )
  }
