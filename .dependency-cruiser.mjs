/** Enforces `import-rules.mjs`, and that no two files import each other, however far around. */
import { rooms } from './import-rules.mjs'

const pattern = (room) => (room.endsWith('.ts') ? `^src/${room.replace('.', '\\.')}$` : `^src/${room}/`)
const generated = '^src/(client/)?generated/'

export default {
  forbidden: [
    ...Object.entries(rooms).map(([room, { imports }]) => ({
      name: `${room} imports only what import-rules.mjs allows`,
      severity: 'error',
      from: { path: pattern(room) },
      to: { path: '^src/', pathNot: [generated, pattern(room), ...imports.map(pattern)] },
    })),
    {
      name: 'every folder has a rule in import-rules.mjs',
      severity: 'error',
      from: { path: '^src/', pathNot: [generated, ...Object.keys(rooms).map(pattern)] },
      to: {},
    },
    {
      name: 'no file imports itself by way of others',
      severity: 'error',
      from: { pathNot: generated },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'the service never imports tests, scripts or benchmarks',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
}
